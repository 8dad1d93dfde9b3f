// As much of a browser as logging in and out takes: it keeps cookies, follows redirects and fills in the provider's forms.
import { createHash, randomUUID } from 'node:crypto';

const REQUEST_DEADLINE = 10_000;

/** One person's browser, and the application that it was sent to the provider by. */
export class Browser {
  #cookies = new Map();

  constructor(provider) {
    this.provider = provider;
    this.callback = `${provider.issuer}/nobody-is-here`;
  }

  /** Logs in with `client`, which asks for a token for `resource`. */
  async logIn(client, user, resource, scope = 'openid read') {
    const verifier = randomUUID() + randomUUID();
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    const query = new URLSearchParams({
      client_id: client, response_type: 'code', redirect_uri: this.callback, scope, resource,
      code_challenge: challenge, code_challenge_method: 'S256',
    });
    let answer = await this.#go(`${this.provider.issuer}/auth?${query}`);
    // The login, and then the consent.
    for (let forms = 0; forms < 4 && !answer.url.startsWith(this.callback); forms += 1) {
      const fields = formFields(answer);
      answer = await this.#go(fields.action, { ...fields.hidden, login: user, password: 'any' });
    }
    const code = new URL(answer.url).searchParams.get('code');
    if (!code) throw new Error(`no code, but ${answer.url} ${answer.body}`);
    const { access_token, id_token } = await this.provider.send('/token', client, {
      grant_type: 'authorization_code', code, redirect_uri: this.callback, code_verifier: verifier, resource,
    });
    this.provider.tokens.push(access_token, id_token);
    this.idToken = id_token;
    return access_token;
  }

  /** Logs out at the provider, which tells every application of this session before it answers. */
  async logOut() {
    const query = new URLSearchParams({ id_token_hint: this.idToken });
    const fields = formFields(await this.#go(`${this.provider.issuer}/session/end?${query}`));
    const answer = await this.#go(fields.action, { ...fields.hidden, logout: 'yes' });
    if (answer.status !== 200) throw new Error(`logging out was answered ${answer.status}: ${answer.body}`);
  }

  /** Follows redirects as far as the application's own URL, which nobody serves. */
  async #go(url, form) {
    let options = form && { method: 'POST', body: new URLSearchParams(form) };
    for (let redirects = 0; redirects < 10; redirects += 1) {
      if (url.startsWith(this.callback)) return { url, status: 0, body: '' };
      const response = await fetch(url, {
        redirect: 'manual',
        headers: { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
        signal: AbortSignal.timeout(REQUEST_DEADLINE),
        ...options,
      });
      response.headers.getSetCookie().forEach((cookie) => this.#keep(cookie));
      const location = response.headers.get('location');
      if (!location) return { url, status: response.status, body: await response.text() };
      await response.body?.cancel();
      url = new URL(location, url).href;
      options = undefined;
    }
    throw new Error(`redirected without end, at last to ${url}`);
  }

  #keep(cookie) {
    const [, name, value] = cookie.match(/^([^=]+)=([^;]*)/);
    if (value) this.#cookies.set(name, value);
    else this.#cookies.delete(name);
  }
}

/** Where a page's form goes, and what it holds already. */
function formFields({ url, status, body }) {
  const action = body.match(/<form[^>]*\baction="([^"]+)"/)?.[1];
  if (!action) throw new Error(`no form at ${url}, but ${status}: ${body}`);
  const inputs = [...body.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)];
  return { action: new URL(action, url).href, hidden: Object.fromEntries(inputs.map(([, name, value]) => [name, value])) };
}
