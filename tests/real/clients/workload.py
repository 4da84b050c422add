"""A workload as others write them: asks a Workload API who it is, by the client that SPIFFE's users have. What it was
told it verifies itself, and prints, one JSON value a line."""

import json
import sys
import threading

import grpc
from cryptography import x509
from spiffe import JwtSvid, WorkloadApiClient
from spiffe._proto import workload_pb2, workload_pb2_grpc

PATIENCE = 20


def say(**what):
    print(json.dumps(what), flush=True)


def certificate(api):
    context = api.fetch_x509_context(timeout=PATIENCE)
    for svid in context.x509_svids:
        bundle = context.x509_bundle_set.get_bundle_for_trust_domain(svid.spiffe_id.trust_domain)
        for authority in bundle.x509_authorities:
            svid.leaf.verify_directly_issued_by(authority)
        life = svid.leaf.not_valid_after_utc - svid.leaf.not_valid_before_utc
        usage = svid.leaf.extensions.get_extension_for_class(x509.KeyUsage)
        say(
            id=str(svid.spiffe_id),
            life=life.total_seconds(),
            signs=usage.critical and usage.value.digital_signature,
            serial=f"{svid.leaf.serial_number:032X}",
            pair=svid.private_key.public_key() == svid.leaf.public_key(),
        )
    bundles = api.fetch_x509_bundles(timeout=PATIENCE).bundles
    say(bundles=sorted(str(it.trust_domain) for it in bundles))


def token(api, audience):
    svid = api.fetch_jwt_svid([audience], timeout=PATIENCE)
    bundles = api.fetch_jwt_bundles(timeout=PATIENCE)
    bundle = bundles.get_bundle_for_trust_domain(svid.spiffe_id.trust_domain)
    JwtSvid.parse_and_validate(svid.token, bundle, {audience})
    validated = api.validate_jwt_svid(svid.token, audience, timeout=PATIENCE)
    say(id=str(svid.spiffe_id), token=svid.token, validated=str(validated.spiffe_id))
    try:
        api.validate_jwt_svid(svid.token, "somebody else", timeout=PATIENCE)
        say(elsewhere=True)
    except Exception as error:
        say(elsewhere=str(error))


def watch(api):
    over = threading.Event()

    def told(context):
        say(told=[str(it.spiffe_id) for it in context.x509_svids])

    def ended(error):
        say(ended=str(error))
        over.set()

    api.stream_x509_contexts(told, ended, retry_connect=False)
    over.wait()


def bare(socket):
    """Asks without the header."""
    with grpc.insecure_channel(socket) as channel:
        stub = workload_pb2_grpc.SpiffeWorkloadAPIStub(channel)
        try:
            next(stub.FetchX509SVID(workload_pb2.X509SVIDRequest(), timeout=PATIENCE))
        except grpc.RpcError as error:
            say(code=error.code().name)


what, socket, *rest = sys.argv[1:]
if what == "bare":
    bare(socket)
else:
    with WorkloadApiClient(socket) as api:
        {"certificate": certificate, "token": token, "watch": watch}[what](api, *rest)
