// Tokens that only the provider can read: introspection, in JSON and signed, and tokens that are taken back.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { ResourceServer } from './actors.mjs';
import { AUDIENCE, CLIENTS, CLIENT_SECRET, OTHER_AUDIENCE, RESOURCE_SERVER } from './names.mjs';
import { check, isAccepted, isForbidden, isRefused } from './report.mjs';

/** How long the server goes by an answer of the provider, in seconds. */
const REMEMBERED = 2;

export const ASKING = {
  INTROSPECTION_CLIENT_ID: RESOURCE_SERVER,
  INTROSPECTION_CLIENT_SECRET: CLIENT_SECRET,
  INTROSPECTION_SECONDS: String(REMEMBERED),
};

async function introspectionsDuring(provider, action) {
  const count = await provider.hitsDuring(action);
  return { asked: count('/token/introspection'), signed: count('signed introspection') };
}

/** Every check with one form of answers. */
async function answeredIn(form, provider, program) {
  const signed = form === 'signed';
  const server = await ResourceServer.start(program, {
    ISSUER: provider.issuer, ...ASKING, INTROSPECTION_SIGNED: signed ? '1' : undefined,
  });
  const opaque = (options) => provider.accessToken(CLIENTS.opaque, options);
  const asked = (number) => ({ asked: number, signed: signed ? number : 0 });

  await check(`${form} introspection: an opaque token is accepted, with the claims that the provider tells`, async () => {
    const token = await opaque();
    assert.match(token, /^[\w-]{43}$/);
    const answer = await server.ask('/me', token);
    isAccepted(answer);
    const claims = JSON.parse(answer.body);
    assert.equal(claims.aud, AUDIENCE);
    assert.equal(claims.client_id, CLIENTS.opaque);
    assert.equal(claims.scope, 'read');
    assert.deepEqual(claims.roles, ['reader', 'Zoë ✓ "quoted"']);
  });
  await check(`${form} introspection: 20 requests at once with one token, and 20 more, ask the provider once`, async () => {
    const token = await opaque();
    const twenty = () => Promise.all(Array.from({ length: 20 }, () => server.ask('/me', token)));
    const calls = await introspectionsDuring(provider, async () => {
      (await twenty()).forEach(isAccepted);
      (await twenty()).forEach(isAccepted);
    });
    assert.deepEqual(calls, asked(1));
  });
  await check(`${form} introspection: a token that the provider does not know is refused`, async () => {
    const calls = await introspectionsDuring(provider, async () => isRefused(await server.ask('/me', 'made-up-by-a-stranger')));
    assert.deepEqual(calls, asked(1));
  });
  await check(`${form} introspection: a token for another resource is refused`, async () => {
    isRefused(await server.ask('/me', await opaque({ resource: OTHER_AUDIENCE })));
  });
  await check(`${form} introspection: scopes are those that the provider tells`, async () => {
    isForbidden(await server.ask('/admin', await opaque()), 'admin');
    isAccepted(await server.ask('/admin', await opaque({ scope: 'read admin' })));
  });
  await check(`${form} introspection: a JWT of the same issuer is accepted by its signature, and nobody is asked`, async () => {
    const token = await provider.accessToken(CLIENTS.RS256);
    const calls = await introspectionsDuring(provider, async () => isAccepted(await server.ask('/me', token)));
    assert.deepEqual(calls, { asked: 0, signed: 0 });
  });
  await check(`${form} introspection: a token that was taken back is refused within ${REMEMBERED} s`, async () => {
    const token = await opaque();
    isAccepted(await server.ask('/me', token));
    await provider.revoke(CLIENTS.opaque, token);
    const revoked = Date.now();
    let answer = await server.ask('/me', token);
    while (answer.status === 200 && Date.now() - revoked < REMEMBERED * 1000 + 250) {
      await pause(50);
      answer = await server.ask('/me', token);
    }
    isRefused(answer);
    return `after ${((Date.now() - revoked) / 1000).toFixed(1)} s`;
  });
  await check(`${form} introspection: a token that was taken back before it was first sent is refused`, async () => {
    const token = await opaque();
    await provider.revoke(CLIENTS.opaque, token);
    isRefused(await server.ask('/me', token));
  });

  await server.stop();
  return server.output;
}

export async function introspected(provider, program, plain) {
  await check('no introspection configured: an opaque token is refused, and nobody is asked', async () => {
    const token = await provider.accessToken(CLIENTS.opaque);
    const calls = await introspectionsDuring(provider, async () => isRefused(await plain.ask('/me', token)));
    assert.deepEqual(calls, { asked: 0, signed: 0 });
  });
  return await answeredIn('JSON', provider, program) + await answeredIn('signed', provider, program);
}
