// A certified authorization server (oidc-provider) for the tests, on a loopback port of its own.
//
// Configuration comes as JSON in OIDC_CONFIG: {port, scopes, clients, initialAccessToken, settings}.
// It prints one line of JSON, {"issuer": …}, once it listens. `/_test/…` lets a test look at the server and change
// the world (see control.mjs); `/interaction/…` is the page on which a person signs in and allows or denies.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

import { Control } from './control.mjs';
import { confirmPage, codePage, consentPage, decide, donePage } from './pages.mjs';
import { Store } from './store.mjs';

const given = JSON.parse(process.env.OIDC_CONFIG ?? '{}');
const scopes = ['openid', 'offline_access', 'profile', 'email', ...(given.scopes ?? [])];

const store = new Store();
const control = new Control(store, given);
const { settings } = control;

function build(issuer) {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const provider = new Provider(issuer, {
    adapter: store.adapter,
    scopes,
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    cookies: { keys: ['the tests run on loopback'] },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', kid: 'test' }] },
    clientAuthMethods: [
      'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none',
    ],
    enabledJWA: {
      clientAuthSigningAlgValues: [
        'HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512',
        'EdDSA', 'Ed25519',
      ],
    },
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: true, initialAccessToken: given.initialAccessToken ?? false },
      registrationManagement: {
        enabled: true,
        rotateRegistrationAccessToken: () => settings.rotateRegistrationAccessToken,
      },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: codePage,
        userCodeConfirmSource: confirmPage,
        successSource: donePage,
      },
      rpInitiatedLogout: { enabled: false },
    },
    rotateRefreshToken: () => settings.rotateRefreshToken,
    issueRefreshToken: async (ctx, client, source) =>
      client.grantTypeAllowed('refresh_token') &&
      (settings.alwaysRefreshToken || source.scopes.has('offline_access')) &&
      !settings.withholdRefreshToken,
    ttl: {
      AccessToken: () => settings.accessTokenTtl,
      ClientCredentials: () => settings.accessTokenTtl,
      RefreshToken: () => settings.refreshTokenTtl,
      AuthorizationCode: () => settings.codeTtl,
      DeviceCode: () => settings.deviceCodeTtl,
      Grant: () => settings.grantTtl,
      Session: 3600,
      Interaction: 3600,
      IdToken: 3600,
    },
    // Every consent makes a grant of its own, as with a provider that keeps one grant a consent.
    loadExistingGrant: async (ctx) =>
      ctx.oidc.result?.consent?.grantId ? provider.Grant.find(ctx.oidc.result.consent.grantId) : undefined,
    findAccount: async (ctx, sub) => ({
      accountId: sub,
      claims: async () => ({ sub, email: sub, email_verified: true, name: sub }),
    }),
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    renderError: (ctx, out) => {
      ctx.type = 'text';
      ctx.body = `error: ${out.error}\n${out.error_description ?? ''}\n`;
    },
  });
  control.listen(provider);
  return provider;
}

async function interact(provider, request, response) {
  if (request.method === 'GET') {
    consentPage(response, await provider.interactionDetails(request, response));
  } else {
    await decide(provider, request, response);
  }
}

const server = createServer();
server.keepAliveTimeout = 60_000;
server.listen(given.port ?? 0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = build(issuer);
  const answer = provider.callback();
  server.on('request', (request, response) => {
    const { pathname } = new URL(request.url, issuer);
    const handle = async () => {
      if (pathname.startsWith('/_test/')) await control.serve(request, response, pathname.slice('/_test/'.length));
      else if (pathname.startsWith('/interaction/')) await interact(provider, request, response);
      else await control.watch(request, response, { pathname, answer });
    };
    handle().catch((error) => {
      console.error(error);
      if (!response.headersSent) response.writeHead(500).end(`${error.name}: ${error.error_description ?? error.message}\n`);
      else response.destroy();
    });
  });
  console.log(JSON.stringify({ issuer }));
});
