// The pages a person sees, as plain forms: any client that can fill in a form can be the person.

const escape = (text) =>
  String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const page = (title, body) =>
  `<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title><body><h1>${escape(title)}</h1>${body}</body></html>`;

function send(response, html) {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html);
}

export function consentPage(response, { uid, params }) {
  const boxes = (params.scope ?? '')
    .split(' ')
    .filter(Boolean)
    .map((scope) => `<label><input type="checkbox" name="scope" value="${escape(scope)}" checked>${escape(scope)}</label>`);
  send(
    response,
    page(
      `Allow ${params.client_id}?`,
      `<form method="post" action="/interaction/${escape(uid)}">
         <label>Sign in as <input type="text" name="login" value="${escape(params.login_hint ?? '')}"></label>
         ${boxes.join('\n')}
         <button type="submit" name="decision" value="allow">Allow</button>
         <button type="submit" name="decision" value="deny">Deny</button>
       </form>`,
    ),
  );
}

async function form(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return new URLSearchParams(Buffer.concat(chunks).toString());
}

export async function decide(provider, request, response) {
  const { params } = await provider.interactionDetails(request, response);
  const said = await form(request);
  if (said.get('decision') !== 'allow') {
    const refusal = { error: 'access_denied', error_description: 'the person said no' };
    await provider.interactionFinished(request, response, refusal, { mergeWithLastSubmission: false });
    return;
  }
  const accountId = said.get('login');
  const chosen = new Set(said.getAll('scope'));
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  for (const scope of (params.scope ?? '').split(' ').filter(Boolean)) {
    if (chosen.has(scope)) grant.addOIDCScope(scope);
    else grant.rejectOIDCScope(scope);
  }
  const result = { login: { accountId }, consent: { grantId: await grant.save() } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

// The device flow's pages: `inner` is the form that oidc-provider made, with its own anti-forgery value.

export function codePage(ctx, inner, out, error) {
  const said = error ? `<p>${escape(error.name)}</p>` : '';
  ctx.body = page('Enter the code', `${said}${inner}<button type="submit" form="op.deviceInputForm">Continue</button>`);
}

export function confirmPage(ctx, inner, client, info, code) {
  ctx.body = page(
    `Is this your code: ${code}?`,
    `${inner}
     <button type="submit" form="op.deviceConfirmForm">Continue</button>
     <button type="submit" form="op.deviceConfirmForm" name="abort" value="yes">Abort</button>`,
  );
}

export function donePage(ctx) {
  ctx.body = page('Done', '<p>You can close this page.</p>');
}
