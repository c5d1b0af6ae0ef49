"""Where the tests of connections connect to."""


def url(ably, more="&heartbeats=false"):
    return f"{ably.tls_url}?key={ably.key}{more}"
