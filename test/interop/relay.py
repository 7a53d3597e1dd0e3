"""Stands between two of our programs on unix sockets and passes bytes and descriptors on, the way Go programs of the mesh
do: it takes up to 64 descriptors with each read, and sends each with one byte of its own before the rest follows plainly.
It knows nothing of TLS, HTTP/2 or gRPC. For each descriptor it writes a line of JSON to standard output.

usage: relay.py LISTEN CONNECT     ("@name" is an abstract socket)
"""

import array
import json
import os
import selectors
import socket
import sys

MOST_FDS = 64


def address(name):
    return "\0" + name[1:] if name.startswith("@") else name


def report(**fields):
    print(json.dumps(fields), flush=True)


def open_files():
    return len(os.listdir("/proc/self/fd"))


def receive(source):
    """Returns the bytes, b"" at the end, and the descriptors that came with them."""
    size = array.array("i").itemsize
    data, ancillary, flags, _ = source.recvmsg(65536, socket.CMSG_SPACE(MOST_FDS * size), socket.MSG_CMSG_CLOEXEC)
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % size])
    if flags & socket.MSG_CTRUNC:
        report(truncated=True)
    return data, list(fds)


def send(sink, data, fds):
    """One data byte and one descriptor a sendmsg; whoever sends fewer bytes than descriptors keeps the rest for later."""
    while fds and data:
        fd = fds.pop(0)
        sink.sendmsg([data[:1]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
        os.close(fd)
        data = data[1:]
    sink.sendall(data)


def relay(client, server):
    ways = {client: (server, "request", []), server: (client, "reply", [])}
    with selectors.DefaultSelector() as selector:
        for one in ways:
            selector.register(one, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                source = key.fileobj
                sink, way, held = ways[source]
                data, fds = receive(source)
                for fd in fds:
                    found = os.fstat(fd)
                    report(
                        way=way,
                        inode=f"inode://{found.st_dev}/{found.st_ino}",
                        link=os.readlink(f"/proc/self/fd/{fd}"),
                        together=len(fds),
                    )
                if not data:
                    return
                held.extend(fds)
                send(sink, data, held)


def main():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address(sys.argv[1]))
    listener.listen()
    report(listening=True, open=open_files())
    client, _ = listener.accept()
    server = socket.socket(socket.AF_UNIX)
    server.connect(address(sys.argv[2]))
    with client, server:
        relay(client, server)
    report(open=open_files())


main()
