// The pages of the provider: whoever names an account is believed.
import { randomUUID } from 'node:crypto';

const PAGE = (title, fields) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>
<h1>${title}</h1><form method="post">${fields}
<button name="do" value="go">${title}</button> <button name="do" value="cancel">Cancel</button></form></html>`;
const LOGIN = PAGE('Log in', '<label>Account <input name="login" autofocus></label>');
const CREATE = PAGE(
  'Create an account',
  '<label>Account <input name="login" autofocus></label> <label>E-mail <input name="email"></label>',
);

export async function showForm(provider, request, response) {
  const { prompt } = await provider.interactionDetails(request, response);
  response.writeHead(200, { 'Content-Type': 'text/html' }).end(prompt.name === 'create' ? CREATE : LOGIN);
}

// Pages of the product itself: a link to the marketplace, and a sign-up that leads back to where it is told.
export function showProduct(url, response) {
  const to = url.searchParams.get('to');
  const page = url.pathname === '/product' ? `<!doctype html><a href="${to.replaceAll('&', '&amp;')}">Add-ons</a>` : CREATE;
  response.writeHead(200, { 'Content-Type': 'text/html' }).end(page);
}

export function signUp(accounts, url, response, form) {
  create(accounts, form);
  response.writeHead(303, { Location: url.searchParams.get('back') }).end();
}

function create(accounts, form) {
  const login = form.get('login');
  accounts.set(login, { login, sub: randomUUID(), email: form.get('email'), email_verified: true, name: login });
}

export async function answerForm(provider, accounts, request, response, form) {
  const { prompt } = await provider.interactionDetails(request, response);
  if (form.get('do') === 'cancel') {
    await provider.interactionFinished(request, response, { error: 'access_denied' });
    return;
  }
  const login = form.get('login');
  if (prompt.name === 'create') create(accounts, form);
  const account = accounts.get(login);
  if (!account) {
    response.writeHead(403, { 'Content-Type': 'text/html' }).end(LOGIN);
    return;
  }
  await provider.interactionFinished(request, response, {
    [prompt.name]: {},
    login: { accountId: account.sub, amr: account.amr ?? ['pwd'] },
  });
}
