// The authorization server of the end-to-end test: npm's certified oidc-provider, on 127.0.0.1 only,
// with keys made at start and clients whose ids say what their tokens are like.
//
//   node provider.mjs PORT        prints "ready ISSUER" once it listens, and ends when its standard input does
//
// Beside what OAuth defines it answers, for the test alone:
//   GET  /control/hits                        how often each other path was asked for
//   POST /control/rotate?old=keep|drop        fresh signing keys, used from now on; the old ones stay published or go
//   GET  /control/id-token?client=ID&told_by=nonce|at_hash
//                                             an ID token for that client, by the provider's own code and key
import { createServer } from 'node:http';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { Provider } from 'oidc-provider';
import { ALGORITHMS, AUDIENCE, CLIENTS, CLIENT_SECRET, OTHER_AUDIENCE, SCOPES } from './names.mjs';

const port = Number(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;

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

const clients = Object.values(CLIENTS).map((client_id) => ({
  client_id,
  client_secret: CLIENT_SECRET,
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
  scope: SCOPES.join(' '),
}));

function resourceServer(audience, client) {
  const alg = ALGORITHMS.find((name) => CLIENTS[name] === client.clientId) ?? 'ES256';
  return {
    audience,
    scope: SCOPES.join(' '),
    accessTokenFormat: 'jwt',
    accessTokenTTL: client.clientId === CLIENTS.brief ? 2 : 300,
    jwt: { sign: { alg } },
  };
}

function provider(keys) {
  const configured = new Provider(issuer, {
    clients,
    jwks: { keys },
    scopes: SCOPES,
    enabledJWA: { idTokenSigningAlgValues: ALGORITHMS },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource, client) => {
          if (![AUDIENCE, OTHER_AUDIENCE].includes(resource)) throw new Error(`unknown resource ${resource}`);
          return resourceServer(resource, client);
        },
      },
    },
    // Shapes a resource server must hand on unharmed.
    extraTokenClaims: () => ({
      tenant: 'acme',
      roles: ['reader', 'Zoë ✓ "quoted"'],
      limits: { daily: 9007199254740991, share: 0.25, none: null, on: true },
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
const hits = {};

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

const server = createServer((request, response) => {
  const url = new URL(request.url, issuer);
  if (!url.pathname.startsWith('/control/')) {
    hits[url.pathname] = (hits[url.pathname] ?? 0) + 1;
    answer(request, response);
    return;
  }
  const reply = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  control(request, url).then((body) => reply(200, body), (error) => reply(500, { error: error.message }));
});
server.listen(port, '127.0.0.1', () => console.log(`ready ${issuer}`));

// Whoever started this process holds the other end; when that is gone, so is the reason to run.
process.stdin.resume().on('end', () => process.exit(0));
