// What must hold between a certified OpenID provider and the example `resource_server`.
//
//   node checks.mjs PROGRAM       PROGRAM being the built example; `run` does all that is needed before
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import * as jose from 'jose';
import { AuthorizationServer, ResourceServer, freePort, printedLast } from './actors.mjs';
import { boundToCertificates } from './bound_to_certificates.mjs';
import { boundToKeys } from './bound_to_keys.mjs';
import { ASKING, introspected } from './introspected.mjs';
import { loggedOut } from './logged_out.mjs';
import { ALGORITHMS, AUDIENCE, CLIENTS, CLIENT_SECRET, OTHER_AUDIENCE } from './names.mjs';
import {
  check, isAccepted, isAskedForToken, isForbidden, isRefused, isUnavailable, outcome,
} from './report.mjs';
import { onTwoMachines } from './two_machines.mjs';

const program = process.argv[2];
const TOTAL_DEADLINE = 180_000;

// --- tokens that the provider did not issue -------------------------------------------------------

const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

/** Good in all but its signature, which is a stranger's. */
function forged(issuer, kid) {
  return new jose.SignJWT({ client_id: 'stranger', scope: 'read admin' })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid })
    .setIssuer(issuer).setAudience(AUDIENCE).setSubject('stranger').setJti('1')
    .setIssuedAt().setExpirationTime('5m')
    .sign(stranger);
}

/** The same token, its payload changed after it was signed. */
function tampered(token) {
  const [header, , signature] = token.split('.');
  const claims = { ...jose.decodeJwt(token), scope: 'read admin' };
  return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
}

// --- the scenes -----------------------------------------------------------------------------------

/** Started before its provider: serves what needs no token, says 503 where it cannot tell, and recovers. */
async function startedBeforeTheProvider(port, logoutUrl) {
  const issuer = AuthorizationServer.issuerAt(port);
  const server = await ResourceServer.start(program, { ISSUER: issuer });

  await check('before the provider is up: /public is served', async () => isAccepted(await server.ask('/public')));
  await check('before the provider is up: no token is a 401 without an error code', async () => isAskedForToken(await server.ask('/me')));
  await check('before the provider is up: garbage is refused all the same', async () => isRefused(await server.ask('/me', 'not.a.token')));
  await check('before the provider is up: /healthz is a 503 that says so', async () => {
    const answer = await server.ask('/healthz');
    assert.equal(answer.status, 503);
    const health = JSON.parse(answer.body);
    assert.equal(health.ready, false);
    assert.equal(health.issuers[0].issuer, issuer);
    assert.equal(health.issuers[0].usable_keys, 0);
  });
  await check('before the provider is up: a token that cannot be judged is a 503 with Retry-After', async () => {
    isUnavailable(await server.ask('/me', await forged(issuer, 'some-key')));
  });

  const provider = await AuthorizationServer.start(port, logoutUrl);
  await check('once the provider is up: the same server recovers by itself', async () => {
    const token = await provider.accessToken(CLIENTS.RS256);
    const started = Date.now();
    let answer = await server.ask('/me', token);
    while (answer.status !== 200 && Date.now() - started < 45_000) {
      isUnavailable(answer);
      await pause(250);
      answer = await server.ask('/me', token);
    }
    isAccepted(answer);
    return `after ${((Date.now() - started) / 1000).toFixed(1)} s`;
  });
  await check('once the provider is up: /healthz is a 200 with the keys', async () => {
    const answer = await server.ask('/healthz');
    assert.equal(answer.status, 200);
    const health = JSON.parse(answer.body);
    assert.equal(health.ready, true);
    assert.ok(health.issuers[0].usable_keys >= 6);
  });
  await check('once the provider is up: a token under an unknown key is refused', async () => {
    isRefused(await server.ask('/me', await forged(issuer, 'some-key')));
  });

  await server.stop();
  return { provider, output: server.output };
}

/** Starts the server that most of the checks are about, and hands it on. */
async function accepted(provider) {
  const referee = jose.createLocalJWKSet(await provider.keySet());
  const tokens = await provider.tokenOfEach(ALGORITHMS);
  let server;

  await check('started, then 21 first requests at once: all accepted with one download of each document', async () => {
    const downloads = await provider.downloadsDuring(async () => {
      server = await ResourceServer.start(program, { ISSUER: provider.issuer });
      const requests = Object.values(tokens).flatMap((token) => [token, token, token]).map((token) => server.ask('/me', token));
      (await Promise.all(requests)).forEach(isAccepted);
    });
    assert.deepEqual(downloads, { keySet: 1, discovery: 1 });
  });

  for (const [name, token] of Object.entries(tokens)) {
    await check(`${name}: accepted, with every claim as issued`, async () => {
      const { payload, protectedHeader } = await jose.jwtVerify(token, referee, {
        issuer: provider.issuer, audience: AUDIENCE, typ: 'at+jwt', algorithms: [name],
      });
      assert.equal(protectedHeader.alg, name);
      const answer = await server.ask('/me', token);
      isAccepted(answer);
      assert.deepEqual(JSON.parse(answer.body), payload);
    });
  }
  return server;
}

async function refused(provider, server) {
  const [published] = (await provider.keySet()).keys.filter(({ alg }) => alg === 'ES256');

  await check('no token: 401 without an error code', async () => isAskedForToken(await server.ask('/me')));
  await check('a token for another resource: refused', async () => {
    isRefused(await server.ask('/me', await provider.accessToken(CLIENTS.RS256, { resource: OTHER_AUDIENCE })));
  });
  await check('a token long expired: refused', async () => {
    isRefused(await server.ask('/me', await provider.accessToken(CLIENTS.expired)));
  });
  await check('a token accepted a moment ago: refused once it has expired', async () => {
    const token = await provider.accessToken(CLIENTS.brief);
    isAccepted(await server.ask('/me', token));
    const { exp } = jose.decodeJwt(token);
    await pause(exp * 1000 - Date.now() + 50);
    isRefused(await server.ask('/me', token));
  });
  await check('an ID token: refused', async () => isRefused(await server.ask('/me', await provider.idToken(CLIENTS.RS256, 'nonce'))));
  for (const toldBy of ['nonce', 'at_hash']) {
    await check(`an ID token whose audience happens to be ours, told by its ${toldBy}: refused`, async () => {
      const token = await provider.idToken(CLIENTS.namesake, toldBy);
      const claims = jose.decodeJwt(token);
      assert.equal(claims.aud, AUDIENCE);
      assert.ok(toldBy in claims);
      isRefused(await server.ask('/me', token));
    });
  }
  await check('a changed payload: refused', async () => {
    isRefused(await server.ask('/admin', tampered(await provider.accessToken(CLIENTS.ES256))));
  });
  await check("a stranger's signature under a published key id: refused, without a download", async () => {
    const token = await forged(provider.issuer, published.kid);
    const downloads = await provider.downloadsDuring(async () => isRefused(await server.ask('/me', token)));
    assert.deepEqual(downloads, { keySet: 0, discovery: 0 });
  });
}

async function authorized(provider, server) {
  await check('/admin without the scope: 403 that names it', async () => {
    isForbidden(await server.ask('/admin', await provider.accessToken(CLIENTS.ES256)), 'admin');
  });
  await check('/admin with the scope: accepted', async () => {
    isAccepted(await server.ask('/admin', await provider.accessToken(CLIENTS.ES256, { scope: 'read admin' })));
  });
}

async function rotated(provider, server) {
  const old = await provider.accessToken(CLIENTS.ES256);
  const downloads = await provider.downloadsDuring(async () => {
    for (const name of ['PS256', 'Ed25519']) {
      await provider.rotate('keep');
      await check(`keys rotated: the first request with a new ${name} token is accepted`, async () => {
        isAccepted(await server.ask('/me', await provider.accessToken(CLIENTS[name])));
      });
    }
    await check('keys rotated: a token under an old key, still published, is accepted', async () => isAccepted(await server.ask('/me', old)));

    await provider.rotate('drop');
    await check('old keys withdrawn: the first request with a new RS256 token is accepted', async () => {
      isAccepted(await server.ask('/me', await provider.accessToken(CLIENTS.RS256)));
    });
    await check('old keys withdrawn: a token under one of them is refused', async () => isRefused(await server.ask('/me', old)));
  });
  await check('three rotations cost at most four downloads of the key set', async () => {
    assert.ok(downloads.keySet >= 3 && downloads.keySet <= 4, JSON.stringify(downloads));
    return `${downloads.keySet}`;
  });
}

/** With the URLs given, nothing is discovered. Last of all, for it takes the provider away. */
async function throughAnOutage(provider) {
  const token = await provider.accessToken(CLIENTS.RS256);
  const opaque = await provider.accessToken(CLIENTS.opaque);
  let server;
  await check('JWKS_URL given: accepted after one download and no discovery', async () => {
    const downloads = await provider.downloadsDuring(async () => {
      server = await ResourceServer.start(program, {
        ISSUER: provider.issuer,
        JWKS_URL: `${provider.issuer}/jwks`,
        INTROSPECTION_URL: `${provider.issuer}/token/introspection`,
        ...ASKING,
      });
      isAccepted(await server.ask('/me', token));
    });
    assert.deepEqual(downloads, { keySet: 1, discovery: 0 });
  });

  await provider.stop();
  await check('the provider down: a token under a known key is accepted', async () => isAccepted(await server.ask('/me', token)));
  await check('the provider down: a token under an unknown key is a 503 with Retry-After', async () => {
    isUnavailable(await server.ask('/me', await forged(provider.issuer, 'new-key')));
  });
  await check('the provider down: an opaque token that it was not asked about is a 503 with Retry-After', async () => {
    isUnavailable(await server.ask('/me', opaque));
  });

  await server.stop();
  return server.output;
}

// --- all of them, in order ------------------------------------------------------------------------

setTimeout(() => {
  console.log(`FAIL  the whole did not end within ${TOTAL_DEADLINE / 1000} s`);
  process.exit(1);
}, TOTAL_DEADLINE).unref();

async function everything() {
  const [port, logoutPort] = [await freePort(), await freePort()];
  const logoutUrl = `http://127.0.0.1:${logoutPort}/backchannel-logout`;
  const { provider, output: early } = await startedBeforeTheProvider(port, logoutUrl);

  const server = await accepted(provider);
  await refused(provider, server);
  await authorized(provider, server);
  const between = await introspected(provider, program, server)
    + await loggedOut(provider, program, logoutPort)
    + await onTwoMachines(provider, program, logoutPort)
    + await boundToCertificates(program, provider.tokens)
    + await boundToKeys(provider, program);
  await rotated(provider, server);
  await server.stop();

  const late = await throughAnOutage(provider);

  await check('no token and no secret stands in what the servers printed', () => {
    const printed = early + server.output + between + late;
    const told = (token) => (token.includes('.') ? token.split('.').slice(1) : [token]);
    const parts = [CLIENT_SECRET, ...provider.tokens.flatMap(told)];
    assert.ok(parts.length > 50 && parts.every((part) => !printed.includes(part)), 'a part of a token was printed');
  });
}

try {
  await everything();
} catch (error) {
  outcome.failed += 1;
  console.log(`FAIL  what the checks need could not be had\n${error.stack}`);
}
if (outcome.failed > 0) console.log(printedLast());
console.log(`${outcome.passed} passed, ${outcome.failed} failed`);
process.exit(outcome.failed === 0 ? 0 : 1);
