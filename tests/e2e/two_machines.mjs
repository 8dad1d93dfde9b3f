// Two servers and one Redis between them: the provider tells one that somebody has logged out, and both refuse.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis, ResourceServer, freePort } from './actors.mjs';
import { Browser } from './browser.mjs';
import { AUDIENCE, CLIENTS, SHOP } from './names.mjs';
import { check, isAccepted, isRefused, isUnavailable } from './report.mjs';

/** Asks again until the answer has this status, for `patience` at most. */
async function soon(ask, status, patience) {
  const begun = Date.now();
  let answer = await ask();
  while (answer.status !== status && Date.now() - begun < patience) {
    await pause(20);
    answer = await ask();
  }
  return { answer, remark: `after ${((Date.now() - begun) / 1000).toFixed(2)} s` };
}

export async function onTwoMachines(provider, program, port) {
  const redisPort = await freePort();
  let redis = await Redis.start(redisPort);
  const settings = { ISSUER: provider.issuer, BACKCHANNEL_CLIENT_ID: SHOP, REDIS_URL: redis.url };
  const told = await ResourceServer.start(program, { port, ...settings });
  const untold = await ResourceServer.start(program, settings);
  const both = [told, untold];
  const machine = await provider.accessToken(CLIENTS.ES256);
  const logouts = async (action) => (await provider.hitsDuring(action))('logout told');
  const browser = new Browser(provider);
  const token = await browser.logIn(SHOP, 'alice', AUDIENCE);

  await check('two machines: a token is accepted by both', async () => {
    for (const server of both) isAccepted((await soon(() => server.ask('/me', token), 200, 2000)).answer);
  });
  await check('two machines: logged out, which one of them is told of, and refused by the other within a second', async () => {
    assert.equal(await logouts(() => browser.logOut()), 1);
    isRefused(await told.ask('/me', token));
    const { answer, remark } = await soon(() => untold.ask('/me', token), 401, 1000);
    isRefused(answer);
    return remark;
  });
  await redis.stop();
  await check('Redis gone: 503 with Retry-After within a second, and a token that was revoked is never accepted', async () => {
    for (const server of both) {
      isUnavailable((await soon(() => server.ask('/me', machine), 503, 1000)).answer);
      assert.notEqual((await server.ask('/me', token)).status, 200);
    }
  });
  await check('Redis gone: the provider is told that nobody could be logged out', async () => {
    const other = new Browser(provider);
    await other.logIn(SHOP, 'bob', AUDIENCE);
    assert.equal(await logouts(() => other.logOut()), 0);
  });
  redis = await Redis.start(redisPort);
  await check('Redis back, and empty: good tokens are accepted within two seconds, and what was revoked stays so', async () => {
    const remarks = [];
    for (const server of both) {
      const { answer, remark } = await soon(() => server.ask('/me', machine), 200, 2000);
      isAccepted(answer);
      isRefused(await server.ask('/me', token));
      remarks.push(remark);
    }
    return remarks.join(', ');
  });

  await Promise.all([...both, redis].map((process) => process.stop()));
  return told.output + untold.output;
}
