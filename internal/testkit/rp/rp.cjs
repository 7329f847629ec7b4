// One login of the openid-client library, over two lines of JSON each way:
// the configuration, answered by where to send the browser; then where the
// browser came back to, answered by what the library verified.
const { Issuer, generators, custom } = require('openid-client');
const lines = require('readline').createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (x) => process.stdout.write(JSON.stringify(x) + '\n');
const read = async () => JSON.parse((await lines.next()).value);

(async () => {
  const config = await read();
  const issuer = await Issuer.discover(config.issuer);
  const client = new issuer.Client(config.client, config.jwks);
  client[custom.clock_tolerance] = config.tolerance || 0;
  const params = { state: generators.random(32).replace(/[^a-zA-Z0-9]/g, 'a'), nonce: generators.random(32).replace(/[^a-zA-Z0-9]/g, 'a'), ...config.params };
  const verifier = config.params.code_challenge_method ? generators.codeVerifier() : undefined;
  if (verifier) params.code_challenge = generators.codeChallenge(verifier);
  say({ url: client.authorizationUrl(params) });

  const { back } = await read();
  const redirect = config.client.redirect_uris[0];
  const tokens = await client.callback(redirect, client.callbackParams(back), { state: params.state, nonce: params.nonce, code_verifier: verifier, response_type: 'code' });
  const userinfo = await client.userinfo(tokens);
  const logout = client.endSessionUrl({ id_token_hint: tokens, post_logout_redirect_uri: config.client.post_logout_redirect_uris[0], state: 'etat1' });
  say({ claims: tokens.claims(), userinfo, logout });
  process.exit(0);
})().catch((e) => { say({ error: String(e) }); process.exit(0); });
