// What the provider and the checks must agree on.
export const AUDIENCE = 'https://api.example.test';
export const OTHER_AUDIENCE = 'https://other.example.test';
export const SCOPES = ['read', 'admin'];
export const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
export const CLIENT_SECRET = 'made-for-this-test-and-worth-nothing-elsewhere';

// By the kind of token wanted: one client for each algorithm, and a few with a twist.
export const CLIENTS = {
  ...Object.fromEntries(ALGORITHMS.map((name) => [name, `signs-${name}`])),
  brief: 'lives-two-seconds',
  expired: 'expired-before-it-was-sent',
  // An ID token's audience is its client, so this client's ID tokens pass every check of the audience.
  namesake: AUDIENCE,
  // Its tokens say nothing by themselves: whoever gets one has to ask the provider.
  opaque: 'gets-opaque-tokens',
  // Their tokens are bound to the certificate by which they were asked for, where the provider speaks TLS.
  certified: 'shows-a-certificate',
  certifiedOpaque: 'shows-a-certificate-and-gets-opaque-tokens',
  // Their tokens are bound to the key by which they prove themselves to the provider; of the second it wants a nonce of its own.
  proving: 'signs-proofs',
  provingWithNonce: 'signs-proofs-with-a-nonce-of-the-provider',
  provingOpaque: 'signs-proofs-and-gets-opaque-tokens',
};

// Applications that people log in to. The provider tells both when somebody has logged out: of the shop's sessions one by one, of
// the kiosk's all at once. The kiosk's tokens are opaque.
export const SHOP = 'web-shop';
export const KIOSK = 'web-kiosk';

// Whom the provider answers about opaque tokens.
export const RESOURCE_SERVER = 'resource-server';
