"""Reports over mutual TLS: a server of OpenSSL's that honours a list, its clients, and the command that
ends what is open.

    reports.py serve FOLDER                   prints its port; what is in FOLDER says whom it believes
    reports.py ask FOLDER PORT COUNT          COUNT connections that ask without a pause; says `open` when all do
    reports.py end FOLDER SERIAL LEASE        the target's command: the list is read again, what is open is closed
"""

import json
import os
import socket
import ssl
import sys
import threading
import time

# How long a request comes after the answer before it.
PAUSE = 0.01
# How long one side waits for the other.
PATIENCE = 8.0


def millis():
    return int(time.time() * 1000)


def listener(folder):
    """Makes what handshakes are done with, of what lies there now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder + "/server.pem", folder + "/server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(folder + "/private/ca.pem")
    context.load_verify_locations(folder + "/crl.pem")
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return context


class Server:
    def __init__(self, folder):
        self.folder = folder
        self.changed = threading.Condition()
        self.context = listener(folder)
        # Connections by the serial of their certificate, and when each answered last.
        self.open = {}
        self.last = {}

    def talk(self, raw):
        used, serial = self.context, None
        try:
            raw.settimeout(PATIENCE)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = used.wrap_socket(raw, server_side=True)
            with self.changed:
                # Who was just signing in when the list changed comes again.
                if used is not self.context:
                    return
                serial = int(connection.getpeercert()["serialNumber"], 16)
                self.open.setdefault(serial, set()).add(connection)
            for line in connection.makefile("r"):
                at = millis()
                self.last.setdefault(serial, {})[line.strip()] = at
                connection.sendall(b"%d\n" % at)
        except (OSError, ValueError):
            pass
        finally:
            if serial is not None:
                with self.changed:
                    self.open[serial].discard(connection)
                    self.changed.notify_all()
            raw.close()

    def end(self, serial):
        """Reads the list again, closes what is open, and says whether none is left."""
        with self.changed:
            self.context = listener(self.folder)
            for connection in self.open.get(serial, ()):
                try:
                    # Below TLS: whoever reads or writes at this moment finds it closed.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
                except OSError:
                    pass
            return self.changed.wait_for(lambda: not self.open.get(serial), PATIENCE)

    def told(self, asked):
        """Answers one word on the control socket."""
        word, serial = asked.split()
        serial = int(serial, 16)
        if word == "end":
            return "gone" if self.end(serial) else "left"
        return json.dumps(sorted(self.last.pop(serial, {}).values()))


def serve(folder):
    server = Server(folder)
    control = socket.socket(socket.AF_UNIX)
    control.bind(folder + "/control")
    control.listen(8)

    def hear():
        while True:
            asking, _ = control.accept()
            with asking, asking.makefile("rw") as words:
                words.write(server.told(words.readline()) + "\n")

    threading.Thread(target=hear, daemon=True).start()
    incoming = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(incoming.getsockname()[1], flush=True)
    while True:
        raw, _ = incoming.accept()
        threading.Thread(target=server.talk, args=(raw,), daemon=True).start()


def ask(folder, port, count):
    context = ssl.create_default_context(cafile=folder + "/server.pem")
    context.load_cert_chain(folder + "/client.pem", folder + "/client.key")
    answered = threading.Semaphore(0)

    def one(number):
        try:
            raw = socket.create_connection(("127.0.0.1", port))
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with context.wrap_socket(raw, server_hostname="localhost") as connection:
                answers, first = connection.makefile("r"), True
                while True:
                    connection.sendall(b"%d\n" % number)
                    if not answers.readline():
                        return
                    if first:
                        answered.release()
                        first = False
                    time.sleep(PAUSE)
        except OSError:
            pass

    asking = [threading.Thread(target=one, args=(number,), daemon=True) for number in range(count)]
    for thread in asking:
        thread.start()
    for _ in asking:
        if not answered.acquire(timeout=60):
            sys.exit("not every connection is answered")
    print("open", flush=True)
    for thread in asking:
        thread.join()


def end(folder, serial, _lease):
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(PATIENCE)
        control.connect(folder + "/control")
        control.sendall(f"end {serial}\n".encode())
        sys.exit(0 if control.makefile("r").readline() == "gone\n" else 1)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", folder]:
            serve(os.path.abspath(folder))
        case ["ask", folder, port, count]:
            ask(os.path.abspath(folder), int(port), int(count))
        case ["end", folder, serial, lease]:
            end(os.path.abspath(folder), serial, lease)
        case _:
            sys.exit(__doc__)
