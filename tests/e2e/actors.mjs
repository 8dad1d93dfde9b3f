// The processes of the end-to-end test, and what one can ask of them. Everything listens on 127.0.0.1, every
// request has a deadline, and whatever was started here ends with this process.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AUDIENCE, CLIENTS, CLIENT_SECRET } from './names.mjs';

const REQUEST_DEADLINE = 10_000;
const START_DEADLINE = 20_000;

const running = new Set();
const started = [];
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

/** The end of what each process printed, for whoever looks for the cause of a failure. */
export function printedLast() {
  return started.map(({ child, output }) => `--- ${child.spawnargs.join(' ')}\n${output.slice(-4000)}`).join('\n');
}

/** A port that nothing listened on a moment ago. */
export async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

export class Process {
  output = '';

  constructor(program, args, environment) {
    this.child = spawn(program, args, { env: { ...process.env, ...environment } });
    running.add(this.child);
    started.push(this);
    this.ended = new Promise((resolve) => {
      this.child.on('close', resolve);
      this.child.on('error', (error) => { this.output += error.message; resolve(); });
    });
    this.ended.then(() => running.delete(this.child));
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => { this.output += text; });
    }
  }

  /** Waits until `sign()` is true; fails early when the process has ended. */
  async until(sign) {
    const deadline = Date.now() + START_DEADLINE;
    while (!await sign()) {
      if (!running.has(this.child)) throw new Error(`${this.child.spawnfile} ended at once`);
      if (Date.now() > deadline) throw new Error(`${this.child.spawnfile} did not start in time`);
      await pause(50);
    }
  }

  async stop() {
    this.child.kill();
    await this.ended;
  }
}

/** The authorization server of provider.mjs. */
export class AuthorizationServer extends Process {
  /** Every token handed out, so that one can look for them where they must not be. */
  tokens = [];

  static issuerAt(port, scheme = 'http') {
    return `${scheme}://127.0.0.1:${port}`;
  }

  /**
   * `logoutUrl` is told of logouts; whoever listens there may come later. `tls` are the files of a certificate and its key, if it
   * is to speak TLS: then its methods are not for use here, where nobody trusts the certificate.
   */
  static async start(port, logoutUrl, tls = []) {
    const script = fileURLToPath(new URL('provider.mjs', import.meta.url));
    const server = new AuthorizationServer(process.execPath, [script, String(port), logoutUrl, ...tls]);
    server.issuer = AuthorizationServer.issuerAt(port, tls.length > 0 ? 'https' : 'http');
    await server.until(() => server.output.includes('ready '));
    return server;
  }

  async json(path, options) {
    const response = await fetch(`${this.issuer}${path}`, { signal: AbortSignal.timeout(REQUEST_DEADLINE), ...options });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
    return text && JSON.parse(text);
  }

  /** Sends a form as `client`. */
  send(path, client, form) {
    const basic = [client, CLIENT_SECRET].map(encodeURIComponent).join(':');
    return this.json(path, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(basic).toString('base64')}` },
      body: new URLSearchParams(form),
    });
  }

  /** An access token by client_credentials, of the kind that this client gets. */
  async accessToken(client, { resource = AUDIENCE, scope = 'read' } = {}) {
    const form = { grant_type: 'client_credentials', resource, scope };
    const { access_token } = await this.send('/token', client, form);
    this.tokens.push(access_token);
    return access_token;
  }

  /** An ID token for this client that carries `toldBy` (`nonce` or `at_hash`), as no access token does. */
  async idToken(client, toldBy) {
    const { id_token } = await this.json(`/control/id-token?${new URLSearchParams({ client, told_by: toldBy })}`);
    this.tokens.push(id_token);
    return id_token;
  }

  /** One access token of each algorithm, by its name. */
  async tokenOfEach(algorithms) {
    const tokens = {};
    for (const name of algorithms) tokens[name] = await this.accessToken(CLIENTS[name]);
    return tokens;
  }

  keySet() {
    return this.json('/jwks');
  }

  rotate(old) {
    return this.json(`/control/rotate?old=${old}`, { method: 'POST' });
  }

  /** Takes a token back (RFC 7009). */
  async revoke(client, token) {
    await this.send('/token/revocation', client, { token });
  }

  /** How often each path was asked for while `action` ran: a function from a path to a number. */
  async hitsDuring(action) {
    const before = await this.json('/control/hits');
    await action();
    const after = await this.json('/control/hits');
    return (path) => (after[path] ?? 0) - (before[path] ?? 0);
  }

  /** How often the key set and the discovery document were. */
  async downloadsDuring(action) {
    const count = await this.hitsDuring(action);
    return { keySet: count('/jwks'), discovery: count('/.well-known/openid-configuration') };
  }
}

/** A Redis that keeps nothing when it ends. */
export class Redis extends Process {
  static async start(port) {
    const server = new Redis('redis-server', ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no']);
    server.url = `redis://127.0.0.1:${port}`;
    await server.until(() => server.output.includes('Ready to accept connections'));
    return server;
  }
}

/** Optional settings, which are not to be those of whoever runs the test. */
const UNSET = Object.fromEntries(
  ['JWKS_URL', 'INTROSPECTION_CLIENT_ID', 'INTROSPECTION_CLIENT_SECRET', 'INTROSPECTION_URL', 'INTROSPECTION_SIGNED',
    'INTROSPECTION_SECONDS', 'BACKCHANNEL_CLIENT_ID', 'REDIS_URL', 'CLIENT_CERTIFICATE_HEADER', 'TRUSTED_PROXIES',
    'CLIENT_CERTIFICATE_REQUIRED', 'DPOP_URL', 'DPOP_REQUIRED', 'DPOP_NONCE_SECRET'].map((name) => [name, undefined]),
);

/** The example `resource_server`: what is under test. */
export class ResourceServer extends Process {
  static async start(program, { port, ...environment }) {
    port ??= await freePort();
    const bind = `127.0.0.1:${port}`;
    const server = new ResourceServer(program, [], {
      AUDIENCE, BIND: bind, ...UNSET, ...environment,
    });
    server.url = `http://${bind}`;
    await server.until(async () => (await server.ask('/public').catch(() => undefined))?.status === 200);
    return server;
  }

  /** A logout token, or what passes for one, as a provider sends it. */
  async sendLogout(token) {
    const response = await fetch(`${this.url}/backchannel-logout`, {
      method: 'POST',
      body: new URLSearchParams({ logout_token: token }),
      signal: AbortSignal.timeout(REQUEST_DEADLINE),
    });
    return { status: response.status, cached: response.headers.get('cache-control'), body: await response.text() };
  }

  /** A GET, with `token` as the bearer token if there is one. */
  async ask(path, token) {
    const response = await fetch(`${this.url}${path}`, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(REQUEST_DEADLINE),
    });
    return {
      status: response.status,
      challenge: parseChallenge(response.headers.get('www-authenticate')),
      retryAfter: response.headers.get('retry-after'),
      body: await response.text(),
    };
  }
}

// RFC 9110 §11.6.1, as much of it as one challenge with quoted parameters needs.
export function parseChallenge(header) {
  if (header === null) return undefined;
  const [scheme] = header.split(' ', 1);
  const parameters = {};
  for (const [, name, value] of header.slice(scheme.length).matchAll(/([\w-]+)="([^"]*)"/g)) {
    if (name in parameters) throw new Error(`"${name}" twice in the challenge ${header}`);
    parameters[name] = value;
  }
  return { scheme, ...parameters };
}
