// The authorization server of the end-to-end test: npm's certified oidc-provider, on 127.0.0.1 only,
// with keys made at start and clients whose ids say what their tokens are like.
//
//   node provider.mjs PORT LOGOUT_URL [CERTIFICATE KEY]
//
// With a certificate and its key, in PEM files, it speaks TLS and asks clients for theirs, whoever has signed it. It prints "ready ISSUER" once it listens, and ends when its standard input does. LOGOUT_URL is where it sends logout tokens to.
//
// Beside what OAuth defines it answers, for the test alone:
//   GET  /control/hits                        how often each other path was asked for, "signed introspection" among them for
//                                             each signed answer, and "logout told" for each logout token that was answered 200
//   POST /control/rotate?old=keep|drop        fresh signing keys, used from now on; the old ones stay published or go
//   GET  /control/id-token?client=ID&told_by=nonce|at_hash
//                                             an ID token for that client, by the provider's own code and key
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { X509Certificate, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Provider } from 'oidc-provider';
import {
  ALGORITHMS, AUDIENCE, CLIENTS, CLIENT_SECRET, KIOSK, OTHER_AUDIENCE, RESOURCE_SERVER, SCOPES, SHOP,
} from './names.mjs';

const port = Number(process.argv[2]);
const logoutUrl = process.argv[3];
const [certificate, key] = process.argv.slice(4, 6).map((file) => readFileSync(file));
const tls = Boolean(certificate);
const issuer = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`;

const hits = {};

function count(what) {
  hits[what] = (hits[what] ?? 0) + 1;
}

function signingKey(type, options, algorithm) {
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: algorithm };
}

function signingKeys() {
  return [
    signingKey('rsa', { modulusLength: 2048 }, 'RS256'),
    signingKey('rsa', { modulusLength: 2048 }, 'PS256'),
    signingKey('ec', { namedCurve: 'P-256' }, 'ES256'),
    signingKey('ec', { namedCurve: 'P-384' }, 'ES384'),
    signingKey('ec', { namedCurve: 'P-521' }, 'ES512'),
    // Without "alg": one key for both of its names, EdDSA (RFC 8037) and Ed25519 (RFC 9864).
    signingKey('ed25519', {}, undefined),
  ];
}

const machines = Object.values(CLIENTS).map((client_id) => ({
  client_id,
  client_secret: CLIENT_SECRET,
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
  scope: SCOPES.join(' '),
  dpop_bound_access_tokens: [CLIENTS.proving, CLIENTS.provingWithNonce, CLIENTS.provingOpaque].includes(client_id),
  ...(tls && [CLIENTS.certified, CLIENTS.certifiedOpaque].includes(client_id) && { tls_client_certificate_bound_access_tokens: true }),
}));

const applications = [SHOP, KIOSK].map((client_id) => ({
  client_id,
  client_secret: CLIENT_SECRET,
  grant_types: ['authorization_code'],
  response_types: ['code'],
  redirect_uris: [`http://127.0.0.1:${port}/nobody-is-here`],
  scope: ['openid', ...SCOPES].join(' '),
  backchannel_logout_uri: logoutUrl,
  backchannel_logout_session_required: client_id === SHOP,
}));

const asking = {
  client_id: RESOURCE_SERVER,
  client_secret: CLIENT_SECRET,
  grant_types: [],
  response_types: [],
  redirect_uris: [],
};

function resourceServer(audience, client) {
  const common = {
    audience,
    scope: SCOPES.join(' '),
    accessTokenTTL: client.clientId === CLIENTS.brief ? 2 : 300,
  };
  if ([CLIENTS.opaque, CLIENTS.certifiedOpaque, CLIENTS.provingOpaque, KIOSK].includes(client.clientId)) return { ...common, accessTokenFormat: 'opaque' };
  const alg = ALGORITHMS.find((name) => CLIENTS[name] === client.clientId) ?? 'ES256';
  return { ...common, accessTokenFormat: 'jwt', jwt: { sign: { alg } } };
}

function provider(keys) {
  const configured = new Provider(issuer, {
    clients: [...machines, ...applications, asking],
    jwks: { keys },
    scopes: ['openid', ...SCOPES],
    enabledJWA: { idTokenSigningAlgValues: ALGORITHMS },
    // Without the guard that keeps a provider from calling addresses such as 127.0.0.1.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    features: {
      // Anyone may log in as anyone.
      devInteractions: { enabled: true },
      backchannelLogout: { enabled: true },
      clientCredentials: { enabled: true },
      dPoP: {
        enabled: true,
        nonceSecret: randomBytes(32),
        requireNonce: (context) => context.oidc.client?.clientId === CLIENTS.provingWithNonce,
      },
      introspection: { enabled: true, allowedPolicy: (_context, client) => client.clientId === RESOURCE_SERVER },
      jwtIntrospection: { enabled: true },
      mTLS: {
        enabled: tls,
        certificateBoundAccessTokens: true,
        getCertificate: (context) => {
          const der = context.socket.getPeerCertificate?.()?.raw;
          return der && new X509Certificate(der);
        },
      },
      revocation: { enabled: true, allowedPolicy: (_context, client, token) => client.clientId === token.clientId },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource, client) => {
          if (![AUDIENCE, OTHER_AUDIENCE].includes(resource)) throw new Error(`unknown resource ${resource}`);
          return resourceServer(resource, client);
        },
      },
    },
    // Shapes a resource server must hand on unharmed.
    extraTokenClaims: (_context, token) => ({
      tenant: 'acme',
      roles: ['reader', 'Zoë ✓ "quoted"'],
      limits: { daily: 9007199254740991, share: 0.25, none: null, on: true },
      ...(token.sid && { sid: token.sid }),
    }),
    formats: {
      customizers: {
        jwt: (_context, token, { payload }) => {
          if (token.clientId !== CLIENTS.expired) return;
          payload.iat -= 7200;
          payload.exp -= 7200;
        },
      },
    },
  });
  configured.on('server_error', (_context, error) => console.error(error));
  configured.on('backchannel.error', (_context, error) => console.error(error));
  configured.on('backchannel.success', () => count('logout told'));
  return configured;
}

// What oidc-provider does at the end of a login, without the login: client_credentials yields no ID token.
async function idToken(clientId, toldBy) {
  const token = new current.IdToken({ sub: 'alice' }, { client: await current.Client.find(clientId) });
  token.scope = 'openid';
  token.set(toldBy, randomUUID()); // an at_hash is hashed on the way, as if this were an access token
  return token.issue({ use: 'idtoken' });
}

let keys = signingKeys();
let current = provider(keys);
let answer = current.callback();
async function control(request, url) {
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /control/hits':
      return hits;
    case 'POST /control/rotate':
      keys = url.searchParams.get('old') === 'drop' ? signingKeys() : [...signingKeys(), ...keys];
      current = provider(keys);
      answer = current.callback();
      return { keys: keys.length };
    case 'GET /control/id-token':
      return { id_token: await idToken(url.searchParams.get('client'), url.searchParams.get('told_by')) };
    default:
      throw new Error(`no such control: ${request.method} ${url.pathname}`);
  }
}

function respond(request, response) {
  const url = new URL(request.url, issuer);
  if (!url.pathname.startsWith('/control/')) {
    count(url.pathname);
    response.on('finish', () => {
      if (response.getHeader('content-type')?.startsWith('application/token-introspection+jwt')) count('signed introspection');
    });
    answer(request, response);
    return;
  }
  const reply = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  control(request, url).then((body) => reply(200, body), (error) => reply(500, { error: error.message }));
}

const server = tls
  ? createTlsServer({ cert: certificate, key, requestCert: true, rejectUnauthorized: false }, respond)
  : createServer(respond);
server.listen(port, '127.0.0.1', () => console.log(`ready ${issuer}`));

// Whoever started this process holds the other end; when that is gone, so is the reason to run.
process.stdin.resume().on('end', () => process.exit(0));
