"""An authorization server that stands on Authlib: client credentials, token exchange (RFC 8693), revocation, introspection.

    R/python-oauth/bin/python tests/real/servers/authorization.py

On standard input comes one line of JSON: {"public": PEM, "issuer": …, "audience": …}. It listens on loopback, prints {"port": …}, and ends
with its input. Authlib decides who a client is, which grant it may use, what it may ask for and whose tokens it ends; what a word is worth
that is traded in is decided with joserfc, by the public key.
"""

import json
import secrets
import sys
import threading
import time

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import BaseGrant, ClientMixin, InvalidRequestError, TokenEndpointMixin, TokenMixin
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from flask import Flask
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from werkzeug.serving import make_server

JWT = "urn:ietf:params:oauth:token-type:jwt"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
LIFE = 300
TOLD = json.loads(sys.stdin.readline())
KEY = ECKey.import_key(TOLD["public"])
TOKENS, USED = {}, set()


class Client(ClientMixin):
    def get_client_id(self):
        return "a client"

    def get_default_redirect_uri(self):
        return None

    def get_allowed_scope(self, scope):
        return " ".join(it for it in (scope or "").split() if it in ("orders:read", "orders:write"))

    def check_redirect_uri(self, redirect_uri):
        return False

    def check_client_secret(self, client_secret):
        return secrets.compare_digest(client_secret, "a secret")

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "client_secret_basic"

    def check_response_type(self, response_type):
        return False

    def check_grant_type(self, grant_type):
        return grant_type in ("client_credentials", Exchange.GRANT_TYPE)


class Token(TokenMixin):
    def __init__(self, given, subject):
        self.text, self.scope, self.subject = given["access_token"], given.get("scope", ""), subject
        self.until, self.revoked = time.time() + given["expires_in"], False

    def check_client(self, client):
        return True

    def get_scope(self):
        return self.scope

    def get_expires_in(self):
        return LIFE

    def is_expired(self):
        return self.until <= time.time()

    def is_revoked(self):
        return self.revoked

    def get_user(self):
        return None

    def get_client(self):
        return Client()


class Exchange(BaseGrant, TokenEndpointMixin):
    GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]

    def validate_token_request(self):
        client = self.authenticate_token_endpoint_client()
        if not client.check_grant_type(self.GRANT_TYPE):
            raise InvalidRequestError("not for this client")
        form = self.request.form
        if form.get("subject_token_type") != JWT or form.get("requested_token_type") != ACCESS:
            raise InvalidRequestError("only a JWT is traded, for an access token")
        self.request.client = client
        self.request.user = subject(form.get("subject_token", ""))
        self.validate_requested_scope()

    def create_token_response(self):
        scope = self.request.payload.scope
        token = self.generate_token(user=self.request.user, scope=scope, include_refresh_token=False)
        self.save_token(token)
        return 200, {**token, "issued_token_type": ACCESS}, self.TOKEN_RESPONSE_HEADER


def subject(word):
    """Whom a word is about: signed by the one key, for us, by whom we know, in its minute, once."""
    essential = lambda value=None: {"essential": True, **({"value": value} if value else {})}
    try:
        read = jwt.decode(word, KEY, algorithms=["ES256"])
        claims = jwt.JWTClaimsRegistry(iss=essential(TOLD["issuer"]), aud=essential(TOLD["audience"]), sub=essential(), exp=essential(), iat=essential(), jti=essential())
        claims.validate(read.claims)
    except (JoseError, ValueError) as error:
        raise InvalidRequestError("the word is not good") from error
    if read.header.get("typ") != "JWT" or read.claims["jti"] in USED or 60 < read.claims["exp"] - read.claims["iat"]:
        raise InvalidRequestError("the word is not good")
    USED.add(read.claims["jti"])
    return {name: read.claims[name] for name in ("sub", "act", "txn") if name in read.claims}


class Revocation(RevocationEndpoint):
    def query_token(self, token_string, token_type_hint):
        return TOKENS.get(token_string)

    def revoke_token(self, token, request):
        token.revoked = True


class Introspection(IntrospectionEndpoint):
    def check_permission(self, token, client, request):
        return True

    def query_token(self, token_string, token_type_hint):
        return TOKENS.get(token_string)

    def introspect_token(self, token):
        return {"active": True, "scope": token.scope, **(token.subject or {})}


def keep(token, request):
    TOKENS[token["access_token"]] = Token(token, getattr(request, "user", None))


def make():
    app = Flask("authorization")
    server = AuthorizationServer(app, query_client=lambda name: Client() if name == "a client" else None, save_token=keep)
    server.register_token_generator("default", BearerTokenGenerator(lambda **_: secrets.token_urlsafe(32), expires_generator=lambda *_: LIFE))
    server.register_grant(ClientCredentialsGrant)
    server.register_grant(Exchange)
    server.register_endpoint(Revocation)
    server.register_endpoint(Introspection)
    app.add_url_rule("/token", "token", server.create_token_response, methods=["POST"])
    app.add_url_rule("/revoke", "revoke", lambda: server.create_endpoint_response("revocation"), methods=["POST"])
    app.add_url_rule("/introspect", "introspect", lambda: server.create_endpoint_response("introspection"), methods=["POST"])
    return app


def main():
    import logging
    import os

    # It is on loopback alone.
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    logging.getLogger("werkzeug").disabled = True
    serving = make_server("127.0.0.1", 0, make(), threaded=True)
    print(json.dumps({"port": serving.server_port}), flush=True)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    sys.stdin.read()


main()
