// The certified `oidc-provider`, with accounts and a few faults that a test asks for under /control/.
// PROVIDER is JSON: issuer, port, client_id, client_secret, redirect_uri, create (whether prompt=create is offered).
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Provider, interactionPolicy } from 'oidc-provider';
import { answerForm, showForm, showProduct, signUp } from './forms.js';

const given = JSON.parse(process.env.PROVIDER);
const accounts = new Map();
let keys = [newKey()];
let provider = build();
let delay = 0;

function newKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' };
}

function build() {
  const policy = interactionPolicy.base();
  if (given.create) policy.add(new interactionPolicy.Prompt({ name: 'create', requestable: true }), 0);
  const built = new Provider(given.issuer, {
    jwks: { keys },
    cookies: { keys: ['these cookies protect nobody'] },
    clients: [
      {
        client_id: given.client_id,
        client_secret: given.client_secret,
        redirect_uris: [given.redirect_uri],
        token_endpoint_auth_method: 'client_secret_basic',
      },
    ],
    scopes: ['openid', 'email', 'profile'],
    claims: {
      openid: ['sub', 'region', 'account_url', 'amr'],
      email: ['email', 'email_verified'],
      profile: ['name', 'locale'],
      auth_time: null,
    },
    discovery: { prompt_values_supported: ['none', 'login', 'consent', ...(given.create ? ['create'] : [])] },
    pkce: { methods: ['S256'], required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { policy, url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, sub) => {
      const account = [...accounts.values()].find((one) => one.sub === sub);
      return account && { accountId: sub, claims: () => account };
    },
    loadExistingGrant: grantEverything,
    renderError: (ctx, out) => {
      ctx.type = 'json';
      ctx.body = out;
    },
  });
  // Loopback addresses serve here, as they may by RFC 8252.
  built.proxy = true;
  return built;
}

// The product and its marketplace belong together, so nobody is asked for consent.
async function grantEverything(ctx) {
  const grant = new ctx.oidc.provider.Grant({
    clientId: ctx.oidc.client.clientId,
    accountId: ctx.oidc.session.accountId,
  });
  grant.addOIDCScope('openid email profile');
  await grant.save();
  return grant;
}

async function body(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

async function control(request, path) {
  const asked = JSON.parse((await body(request)) || '{}');
  if (path === '/control/accounts') accounts.set(asked.login, asked);
  if (path === '/control/delay') delay = asked.seconds * 1000;
  if (path === '/control/keys') {
    keys = [newKey()]; // the old key is gone at once, as after a leak
    provider = build(); // sessions and codes are kept by the library, outside of the instance
  }
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, given.issuer);
  const path = url.pathname;
  try {
    if (path.startsWith('/control/')) {
      await control(request, path);
      response.writeHead(204).end();
    } else if (path.startsWith('/interaction/')) {
      if (request.method === 'POST') {
        await answerForm(provider, accounts, request, response, new URLSearchParams(await body(request)));
      } else {
        await showForm(provider, request, response);
      }
    } else if (path === '/product' || path === '/register') {
      if (request.method === 'POST') signUp(accounts, url, response, new URLSearchParams(await body(request)));
      else showProduct(url, response);
    } else {
      await pause(delay);
      await provider.callback()(request, response);
    }
  } catch (error) {
    console.error(error);
    response.writeHead(500).end(String(error));
  }
});
server.listen(given.port, '127.0.0.1', () => console.log('started'));
process.on('SIGTERM', () => process.exit(0));
