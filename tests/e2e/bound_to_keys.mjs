// Tokens that are bound to a key, used with proofs (RFC 9449): issued by the provider, with and without a nonce of its own; the proofs
// are signed by npm's `jose`.
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import * as jose from 'jose';
import { Redis, ResourceServer, freePort } from './actors.mjs';
import { ASKING } from './introspected.mjs';
import { AUDIENCE, CLIENTS, CLIENT_SECRET } from './names.mjs';
import { check } from './report.mjs';

/** Under which name clients know the servers; they send their requests to a port of this machine. */
const PUBLIC = 'https://orders.example.test';
const NONCE_SECRET = 'made-for-this-test-and-worth-nothing-elsewhere';

/** Someone with a key. */
class Client {
  static async with(algorithm) {
    const { publicKey, privateKey } = await jose.generateKeyPair(algorithm);
    const jwk = await jose.exportJWK(publicKey);
    return Object.assign(new Client(), { algorithm, jwk, privateKey });
  }

  /** A proof for one request, to be spoiled. */
  proof({ method = 'GET', url, token, nonce, ...claims }) {
    const ath = token && createHash('sha256').update(token).digest('base64url');
    const payload = { jti: randomUUID(), htm: method, htu: url, ath, nonce, ...claims };
    return new jose.SignJWT(JSON.parse(JSON.stringify(payload))).setIssuedAt()
      .setProtectedHeader({ typ: 'dpop+jwt', alg: this.algorithm, jwk: this.jwk })
      .sign(this.privateKey);
  }

  /** A token that is bound to the key; and how often the provider had to be asked. */
  async token(provider, id) {
    const url = `${provider.issuer}/token`;
    const basic = [id, CLIENT_SECRET].map(encodeURIComponent).join(':');
    let nonce;
    for (const asked of [1, 2]) {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          authorization: `Basic ${Buffer.from(basic).toString('base64')}`,
          dpop: await this.proof({ method: 'POST', url, nonce }),
        },
        body: new URLSearchParams({ grant_type: 'client_credentials', resource: AUDIENCE, scope: 'read' }),
        signal: AbortSignal.timeout(10_000),
      });
      const answer = await response.json();
      if (response.ok) {
        assert.equal(answer.token_type, 'DPoP');
        provider.tokens.push(answer.access_token);
        return { token: answer.access_token, asked };
      }
      assert.equal(answer.error, 'use_dpop_nonce', JSON.stringify(answer));
      nonce = response.headers.get('dpop-nonce');
    }
    throw new Error('the provider wants one nonce after the other');
  }
}

/** `GET /me` with this token and proof. */
async function ask(server, token, proof, scheme = 'DPoP') {
  const response = await fetch(`${server.url}/me`, {
    headers: { authorization: `${scheme} ${token}`, ...(proof && { dpop: proof }) },
    signal: AbortSignal.timeout(10_000),
  });
  return {
    status: response.status,
    challenges: response.headers.get('www-authenticate') ?? '',
    nonce: response.headers.get('dpop-nonce'),
    cached: response.headers.get('cache-control'),
    body: await response.text(),
  };
}

const shown = (answer) => `answered ${JSON.stringify(answer)}`;
const isAccepted = (answer) => assert.equal(answer.status, 200, shown(answer));

/** Refused, and told why in the challenge of this scheme and in no other. */
function isRefused(answer, error, scheme = 'DPoP') {
  assert.equal(answer.status, 401, shown(answer));
  const told = answer.challenges.split(/, (?=Bearer |DPoP )/).filter((challenge) => challenge.includes('error='));
  assert.equal(told.length, 1, shown(answer));
  assert.ok(told[0].startsWith(`${scheme} `) && told[0].includes(`error="${error}"`), shown(answer));
}

const URI = `${PUBLIC}/me`;

async function withoutNonce(provider, program) {
  const server = await ResourceServer.start(program, { ISSUER: provider.issuer, DPOP_URL: PUBLIC, ...ASKING });

  for (const [id, kind, times] of [
    [CLIENTS.proving, 'a JWT', 1],
    [CLIENTS.provingWithNonce, 'a JWT for which the provider wanted a nonce', 2],
    [CLIENTS.provingOpaque, 'an opaque token', 1],
  ]) {
    for (const algorithm of ['ES256', 'Ed25519']) {
      await check(`DPoP, ${algorithm}: ${kind} is accepted with a proof, and another, and not with the same again`, async () => {
        const client = await Client.with(algorithm);
        const { token, asked } = await client.token(provider, id);
        assert.equal(asked, times);
        const proof = await client.proof({ url: URI, token });
        const answer = await ask(server, token, proof);
        isAccepted(answer);
        assert.deepEqual(JSON.parse(answer.body).cnf, { jkt: await jose.calculateJwkThumbprint(client.jwk) });
        isRefused(await ask(server, token, proof), 'invalid_dpop_proof');
        isAccepted(await ask(server, token, await client.proof({ url: URI, token })));
      });
    }
    await check(`DPoP: ${kind} is refused as Bearer, without a proof, and to a thief`, async () => {
      const client = await Client.with('ES256');
      const thief = await Client.with('ES256');
      const { token } = await client.token(provider, id);
      const proof = await client.proof({ url: URI, token });
      isRefused(await ask(server, token, undefined, 'Bearer'), 'invalid_token', 'Bearer');
      isRefused(await ask(server, token, proof, 'Bearer'), 'invalid_token', 'Bearer');
      isRefused(await ask(server, token), 'invalid_dpop_proof');
      isRefused(await ask(server, token, await thief.proof({ url: URI, token })), 'invalid_token');
      isAccepted(await ask(server, token, proof));
    });
  }

  const client = await Client.with('ES256');
  const { token } = await client.token(provider, CLIENTS.proving);
  const { token: other } = await client.token(provider, CLIENTS.proving);
  const now = Math.floor(Date.now() / 1000);
  for (const [what, spoiled] of [
    ['for another method', { method: 'POST' }],
    ['for another path', { url: `${PUBLIC}/admin` }],
    ['for the name that the server has behind its proxy', { url: `${server.url}/me` }],
    ['for another token', { token: other }],
    ['for no token', { token: undefined }],
    ['that is over by its own word', { exp: now - 10 }],
  ]) {
    await check(`DPoP: a proof ${what} is refused`, async () => {
      isRefused(await ask(server, token, await client.proof({ url: URI, token, ...spoiled })), 'invalid_dpop_proof');
    });
  }
  await check('DPoP: a plain token is accepted as Bearer still, and refused under the scheme DPoP', async () => {
    const plain = await provider.accessToken(CLIENTS.RS256);
    isAccepted(await ask(server, plain, undefined, 'Bearer'));
    isRefused(await ask(server, plain, await client.proof({ url: URI, token: plain })), 'invalid_token');
  });
  await check('DPoP: /healthz says how many proofs are remembered', async () => {
    const answer = await server.ask('/healthz');
    assert.ok(JSON.parse(answer.body).used_proofs >= 15, answer.body);
  });
  await server.stop();
  return server.output;
}

async function withNonceOnTwoMachines(provider, program) {
  const redis = await Redis.start(await freePort());
  const settings = {
    ISSUER: provider.issuer, DPOP_URL: PUBLIC, DPOP_REQUIRED: '1', DPOP_NONCE_SECRET: NONCE_SECRET, REDIS_URL: redis.url,
  };
  const one = await ResourceServer.start(program, settings);
  const two = await ResourceServer.start(program, settings);
  const client = await Client.with('ES256');
  const { token } = await client.token(provider, CLIENTS.provingWithNonce);
  let nonce;

  await check('DPoP on two machines: a client is given a nonce by one, and may use it at both', async () => {
    const answer = await ask(one, token, await client.proof({ url: URI, token }));
    isRefused(answer, 'use_dpop_nonce');
    assert.equal(answer.cached, 'no-store');
    nonce = answer.nonce;
    for (const server of [one, two]) isAccepted(await ask(server, token, await client.proof({ url: URI, token, nonce })));
  });
  await check('DPoP on two machines: a nonce that is not theirs is refused, and the right one given', async () => {
    const answer = await ask(two, token, await client.proof({ url: URI, token, nonce: 'AAAAAAAAAAAAAAAAAAAAAA' }));
    isRefused(answer, 'use_dpop_nonce');
    nonce = answer.nonce;
    isAccepted(await ask(one, token, await client.proof({ url: URI, token, nonce })));
  });
  await check('DPoP on two machines: of 100 requests at once with one proof exactly one is accepted', async () => {
    const proof = await client.proof({ url: URI, token, nonce });
    const answers = await Promise.all(Array.from({ length: 100 }, (_, number) => ask(number % 2 ? one : two, token, proof)));
    const accepted = answers.filter(({ status }) => status === 200);
    assert.equal(accepted.length, 1);
    answers.filter(({ status }) => status !== 200).forEach((answer) => isRefused(answer, 'invalid_dpop_proof'));
  });
  await check('DPoP required: a plain token is refused', async () => {
    const plain = await provider.accessToken(CLIENTS.RS256);
    isRefused(await ask(one, plain, undefined, 'Bearer'), 'invalid_token');
  });
  await check('DPoP on two machines: without Redis nothing is accepted, and it is a 503', async () => {
    await redis.stop();
    const answer = await ask(one, token, await client.proof({ url: URI, token, nonce }));
    assert.equal(answer.status, 503, shown(answer));
  });

  await Promise.all([one.stop(), two.stop()]);
  return one.output + two.output;
}

/** What the servers printed. */
export async function boundToKeys(provider, program) {
  return await withoutNonce(provider, program) + await withNonceOnTwoMachines(provider, program);
}
