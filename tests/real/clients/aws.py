"""STS and IAM as moto has them, and a judge of signed requests: botocore signs the same request with the same
keys and must come to the same signature. Prints the two ports, and runs until its standard input ends."""

import hashlib
import http.server
import json
import sys
import threading

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.iam.models import iam_backends
from moto.server import ThreadedMotoServer
from moto.sts.models import sts_backends

ACCOUNT = "123456789012"


def session_of(key):
    roles = sts_backends[ACCOUNT]["aws"].assumed_roles
    return next((it for it in roles if it.access_key_id == key), None)


class Judge(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def judge(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        proof = self.headers.get("authorization", "")
        fields = dict(it.strip().split("=", 1) for it in proof.partition(" ")[2].split(","))
        key, _day, region, service, _end = fields["Credential"].split("/")
        session = session_of(key)
        signed = fields["SignedHeaders"].split(";")
        url = f"http://{self.headers['host']}{self.path}"
        asked = AWSRequest(self.command, url, headers={it: self.headers[it] for it in signed}, data=body)
        asked.context["timestamp"] = self.headers["x-amz-date"]
        auth = S3SigV4Auth if service == "s3" else SigV4Auth
        keys = Credentials(session.access_key_id, session.secret_access_key, session.session_token)
        auth = auth(keys, service, region)
        text = auth.string_to_sign(asked, auth.canonical_request(asked))
        return {
            "same": auth.signature(text, asked) == fields["Signature"],
            "body": hashlib.sha256(body).hexdigest() == self.headers["x-amz-content-sha256"],
            "signed": signed,
            "path": self.path,
            "policy": json.loads(session.policy or "null"),
            "echo": self.headers.get("x-amz-security-token"),
            "secret": session.secret_access_key,
        }

    def do_GET(self):
        try:
            said = self.judge()
        except Exception as error:
            said = {"same": False, "error": repr(error)}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET


def main():
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    iam_backends[ACCOUNT]["aws"].create_role("agents", "{}", "/", None, "", [], "3600")
    judge = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Judge)
    threading.Thread(target=judge.serve_forever, daemon=True).start()
    print(json.dumps({"moto": moto.get_host_and_port()[1], "judge": judge.server_address[1]}), flush=True)
    sys.stdin.read()


main()
