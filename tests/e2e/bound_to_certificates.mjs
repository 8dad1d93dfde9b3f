// Tokens that are bound to a client certificate (RFC 8705): issued over real TLS, and used through an nginx that ends it.
import assert from 'node:assert/strict';
import * as jose from 'jose';
import { AuthorizationServer, ResourceServer, freePort } from './actors.mjs';
import { Certificates, HEADER, Nginx, PROXY } from './certificates.mjs';
import { ASKING } from './introspected.mjs';
import { AUDIENCE, CLIENTS, CLIENT_SECRET } from './names.mjs';
import { check, isAccepted, isRefused } from './report.mjs';

/** Hands on every token that was issued, so that one can look for it where it must not be. */
export async function boundToCertificates(program, issued) {
  const certificates = await Certificates.make();
  try {
    return await withCertificates(certificates, program, issued);
  } finally {
    await certificates.remove();
  }
}

async function withCertificates(certificates, program, issued) {
  const { certificate, key } = await certificates.server('server');
  const [alice, mallory] = [await certificates.client('alice'), await certificates.client('mallory')];
  const loner = await certificates.selfSigned('loner');

  const port = await freePort();
  const provider = await AuthorizationServer.start(port, `http://127.0.0.1:${port}/nobody-is-told`, [certificate, key]);
  const settings = { ISSUER: provider.issuer, SSL_CERT_FILE: certificates.authority, ...ASKING };
  const checks = { ...settings, CLIENT_CERTIFICATE_HEADER: HEADER, TRUSTED_PROXIES: PROXY };
  const server = await ResourceServer.start(program, checks);
  const nginx = await Nginx.start(certificates, { certificate, key }, server.url);

  /** An access token for `id`, asked for with the certificate of `client`. */
  async function accessToken(id, client) {
    const answer = await certificates.curl(`${provider.issuer}/token`, {
      client,
      user: `${id}:${CLIENT_SECRET}`,
      form: { grant_type: 'client_credentials', resource: AUDIENCE, scope: 'read' },
    });
    assert.equal(answer.status, 200, answer.body);
    const { access_token } = JSON.parse(answer.body);
    issued.push(access_token);
    return access_token;
  }
  const ask = (options, through = nginx) => certificates.curl(`${through.url}/me`, options);

  let bound;
  await check("mTLS: the provider binds a token to alice's certificate, by the thumbprint that openssl finds too", async () => {
    bound = await accessToken(CLIENTS.certified, alice);
    assert.deepEqual(jose.decodeJwt(bound).cnf, { 'x5t#S256': await certificates.thumbprint(alice) });
  });
  await check('mTLS: through nginx it is accepted with her certificate, with every claim as issued', async () => {
    for (const _ of ['new', 'known']) {
      const answer = await ask({ client: alice, token: bound });
      isAccepted(answer);
      assert.deepEqual(JSON.parse(answer.body), jose.decodeJwt(bound));
    }
  });
  await check('mTLS: with another certificate, with that of a stranger, and with none it is refused', async () => {
    for (const client of [mallory, loner, undefined]) isRefused(await ask({ client, token: bound }));
  });
  await check("mTLS: a copy of alice's certificate in a header of the client's own is of no use", async () => {
    const copy = await certificates.escaped(alice);
    for (const name of [HEADER, HEADER.toUpperCase(), HEADER.replaceAll('-', '_')]) {
      for (const client of [mallory, undefined]) {
        isRefused(await ask({ client, token: bound, headers: [`${name}: ${copy}`] }));
      }
    }
  });
  await check('mTLS: nor is it past nginx, from an address that is none of its', async () => {
    const headers = [`${HEADER}: ${await certificates.escaped(alice)}`];
    isRefused(await ask({ token: bound, headers }, server));
    isRefused(await ask({ token: bound, headers: [...headers, `x-forwarded-for: ${PROXY}`] }, server));
    isRefused(await ask({ token: bound }, server));
  });
  await check('mTLS: a token bound to a certificate that no authority has signed is good with that one', async () => {
    const token = await accessToken(CLIENTS.certified, loner);
    isAccepted(await ask({ client: loner, token }));
    isRefused(await ask({ client: alice, token }));
  });
  await check('mTLS: a token that is not bound is accepted with any certificate and with none', async () => {
    const token = await accessToken(CLIENTS.RS256);
    for (const client of [alice, undefined]) isAccepted(await ask({ client, token }));
  });
  await check('mTLS: an opaque token that the provider says is bound is good with its certificate alone', async () => {
    const token = await accessToken(CLIENTS.certifiedOpaque, alice);
    isRefused(await ask({ client: mallory, token }));
    isAccepted(await ask({ client: alice, token }));
    for (const client of [mallory, undefined]) isRefused(await ask({ client, token }));
  });

  const strict = await ResourceServer.start(program, { ...checks, CLIENT_CERTIFICATE_REQUIRED: '1' });
  const strictNginx = await Nginx.start(certificates, { certificate, key }, strict.url);
  await check('mTLS required: a bound token is accepted, and one that is not bound is refused', async () => {
    isAccepted(await ask({ client: alice, token: bound }, strictNginx));
    isRefused(await ask({ client: alice, token: await accessToken(CLIENTS.RS256) }, strictNginx));
  });
  const unaware = await ResourceServer.start(program, settings);
  const unawareNginx = await Nginx.start(certificates, { certificate, key }, unaware.url);
  await check('mTLS not checked: a bound token is refused, whoever sends it', async () => {
    for (const client of [alice, mallory, undefined]) isRefused(await ask({ client, token: bound }, unawareNginx));
    isAccepted(await ask({ token: await accessToken(CLIENTS.RS256) }, unawareNginx));
  });

  const servers = [server, strict, unaware];
  const all = [nginx, strictNginx, unawareNginx, ...servers, provider];
  await Promise.all(all.map((process) => process.stop()));
  // All that they print has come by now.
  await check('mTLS: operators are told why', () => {
    const told = ({ output }, ...codes) => codes.forEach((code) => assert.match(output, new RegExp(`\\b${code}\\b`)));
    told(server, 'certificate_mismatch', 'certificate_missing', 'certificate_untrusted_peer');
    told(strict, 'sender_not_bound');
    told(unaware, 'sender_bound');
  });
  return servers.map(({ output }) => output).join('');
}
