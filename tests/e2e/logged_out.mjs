// People who log in and out at the provider, which tells the server of it (OpenID Connect Back-Channel Logout).
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import * as jose from 'jose';
import { ResourceServer } from './actors.mjs';
import { Browser } from './browser.mjs';
import { ASKING } from './introspected.mjs';
import { AUDIENCE, CLIENTS, KIOSK, SHOP } from './names.mjs';
import { check, isAccepted, isNoLogout, isRefused } from './report.mjs';

/** What was issued in the second of a logout is refused with what was issued before it. */
const nextSecond = () => pause(1000 - (Date.now() % 1000) + 20);

export async function loggedOut(provider, program, port) {
  const server = await ResourceServer.start(program, {
    port, ISSUER: provider.issuer, BACKCHANNEL_CLIENT_ID: `${SHOP} ${KIOSK}`, ...ASKING,
  });
  const told = async (action) => (await provider.hitsDuring(action))('logout told');
  const [laptop, phone] = [new Browser(provider), new Browser(provider)];
  let onLaptop;
  let onPhone;

  await check('two logins of one person: the tokens of both are accepted, each with a session of its own', async () => {
    onLaptop = await laptop.logIn(SHOP, 'alice', AUDIENCE);
    onPhone = await phone.logIn(SHOP, 'alice', AUDIENCE);
    for (const token of [onLaptop, onPhone]) isAccepted(await server.ask('/me', token));
    const [one, other] = [onLaptop, onPhone].map((token) => jose.decodeJwt(token));
    assert.equal(one.sub, other.sub);
    assert.ok(one.sid && other.sid && one.sid !== other.sid);
  });
  await check('an access token, an ID token, garbage and nothing sent as a logout token: 400, and nobody is logged out', async () => {
    for (const token of [onLaptop, laptop.idToken, 'not.a.token', '']) isNoLogout(await server.sendLogout(token));
    isAccepted(await server.ask('/me', onLaptop));
  });
  await check('logged out on the laptop: told at once, and the token of that session is refused', async () => {
    assert.equal(await told(() => laptop.logOut()), 1);
    isRefused(await server.ask('/me', onLaptop));
  });
  await check("logged out on the laptop: the phone's session goes on", async () => isAccepted(await server.ask('/me', onPhone)));
  await check('logged in again on the laptop: the new token is accepted', async () => {
    isAccepted(await server.ask('/me', await laptop.logIn(SHOP, 'alice', AUDIENCE)));
  });
  await check("a logout token that names no session: the person's tokens are refused, opaque ones and those of other logins too", async () => {
    const kiosk = new Browser(provider);
    const atKiosk = await kiosk.logIn(KIOSK, 'alice', AUDIENCE);
    const bob = await new Browser(provider).logIn(KIOSK, 'bob', AUDIENCE);
    for (const token of [atKiosk, onPhone, bob]) isAccepted(await server.ask('/me', token));
    assert.equal(await told(() => kiosk.logOut()), 1);
    for (const token of [atKiosk, onPhone]) isRefused(await server.ask('/me', token));
    isAccepted(await server.ask('/me', bob));
  });
  await check('a login after that: its token is accepted', async () => {
    await nextSecond();
    isAccepted(await server.ask('/me', await new Browser(provider).logIn(KIOSK, 'alice', AUDIENCE)));
  });
  await check('tokens of machines, whom nobody logs out, are accepted all the while', async () => {
    isAccepted(await server.ask('/me', await provider.accessToken(CLIENTS.ES256)));
  });

  await server.stop();
  return server.output;
}
