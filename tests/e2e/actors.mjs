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

class Process {
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

  static issuerAt(port) {
    return `http://127.0.0.1:${port}`;
  }

  static async start(port) {
    const script = fileURLToPath(new URL('provider.mjs', import.meta.url));
    const server = new AuthorizationServer(process.execPath, [script, String(port)]);
    server.issuer = AuthorizationServer.issuerAt(port);
    await server.until(() => server.output.includes('ready '));
    return server;
  }

  async json(path, options) {
    const response = await fetch(`${this.issuer}${path}`, { signal: AbortSignal.timeout(REQUEST_DEADLINE), ...options });
    const body = await response.json();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${JSON.stringify(body)}`);
    return body;
  }

  /** An access token by client_credentials, of the kind that this client gets. */
  async accessToken(client, { resource = AUDIENCE, scope = 'read' } = {}) {
    const form = { grant_type: 'client_credentials', resource, scope };
    const basic = [client, CLIENT_SECRET].map(encodeURIComponent).join(':');
    const { access_token } = await this.json('/token', {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(basic).toString('base64')}` },
      body: new URLSearchParams(form),
    });
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

  /** How often the key set and the discovery document were asked for while `action` ran. */
  async downloadsDuring(action) {
    const before = await this.json('/control/hits');
    await action();
    const after = await this.json('/control/hits');
    const count = (path) => (after[path] ?? 0) - (before[path] ?? 0);
    return { keySet: count('/jwks'), discovery: count('/.well-known/openid-configuration') };
  }
}

/** The example `resource_server`: what is under test. */
export class ResourceServer extends Process {
  static async start(program, environment) {
    const port = await freePort();
    const bind = `127.0.0.1:${port}`;
    const server = new ResourceServer(program, [], {
      AUDIENCE, BIND: bind, JWKS_URL: undefined, ...environment,
    });
    server.url = `http://${bind}`;
    await server.until(async () => (await server.ask('/public').catch(() => undefined))?.status === 200);
    return server;
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
function parseChallenge(header) {
  if (header === null) return undefined;
  const [scheme] = header.split(' ', 1);
  const parameters = {};
  for (const [, name, value] of header.slice(scheme.length).matchAll(/([\w-]+)="([^"]*)"/g)) {
    if (name in parameters) throw new Error(`"${name}" twice in the challenge ${header}`);
    parameters[name] = value;
  }
  return { scheme, ...parameters };
}
