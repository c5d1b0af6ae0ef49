"""A pytest plugin for a suite that is written for the real service: what it asks of that, the embedded one answers.

It does what a hosts file would, and for what Python has moved since the suite was written it knows the old
places. The suite and its SDK stay as they are.
"""

import collections
import collections.abc
import os
import socket
import ssl

import certifi
import certifi.core

for name in collections.abc.__all__:
    setattr(collections, name, getattr(collections.abc, name))

certifi.where = certifi.core.where = lambda: os.environ["SSL_CERT_FILE"]

getaddrinfo, wrap = socket.getaddrinfo, ssl.SSLContext.wrap_socket
ABLY = (".ably.io", ".ably-realtime.com")
PORTS = {80: os.environ["ABLYKIT_PORT"], 443: os.environ["ABLYKIT_TLS_PORT"]}


def address(host, port, *more, **options):
    """Where a host is; the embedded Ably for one of the real one."""
    if host.endswith(ABLY):
        return getaddrinfo("127.0.0.1", int(PORTS[port]), *more, **options)
    return getaddrinfo(host, port, *more, **options)


def wrapped(self, sock, *more, server_hostname=None, **options):
    """TLS with the embedded Ably, by a name that its certificate has."""
    return wrap(self, sock, *more, server_hostname=server_hostname and "localhost", **options)


socket.getaddrinfo, ssl.SSLContext.wrap_socket = address, wrapped
