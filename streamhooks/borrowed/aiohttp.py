"""What we borrow from aiohttp: its connections for deliveries, its server for the views."""

from __future__ import annotations

from streamhooks.borrowed.library import ATTRIBUTE, Library

AIOHTTP = Library(
    "aiohttp",
    "3.14.5",
    published=frozenset({"aiohttp", "aiohttp.abc", "aiohttp.typedefs", "aiohttp.web"}),
    names={
        "delivery/connections.py": {
            "aiohttp.abc:AbstractResolver.close": "00c7b0318576",
            "aiohttp.abc:AbstractResolver.resolve": "211feba84f45",
            "aiohttp.client_proto:ResponseHandler": "f979dae80419",
            "aiohttp.connector:BaseConnector._factory": ATTRIBUTE,
            "aiohttp.connector:BaseConnector._loop": ATTRIBUTE,
            "aiohttp.connector:BaseConnector.connect": "ae3b40d0f93d",
            "aiohttp.connector:TCPConnector.__init__": "be423489f352",
            "aiohttp.connector:TCPConnector._resolver": ATTRIBUTE,
            "aiohttp.connector:TCPConnector.close": "809ebf30e4e4",
        },
        "delivery/exchanges.py": {
            "aiohttp.base_protocol:BaseProtocol.__slots__": ATTRIBUTE,
            "aiohttp.base_protocol:BaseProtocol._loop": ATTRIBUTE,
            "aiohttp.base_protocol:BaseProtocol.connection_made": "95112546d12b",
            "aiohttp.client_proto:ResponseHandler.__init__": "babc2d7d4f45",
            "aiohttp.client_proto:ResponseHandler.connection_lost": "8105e9567831",
            "aiohttp.client_proto:ResponseHandler.data_received": "0ba41db50048",
            "aiohttp.connector:Connection": "8e73a6cfdc7d",
        },
        "delivery/targets.py": {
            "aiohttp.client_reqrep:ClientRequest.__init__": "aaa49afb2d36",
            "aiohttp.client_reqrep:ClientRequest.connection_key": "63d79fda3c4d",
            "aiohttp.client_reqrep:ConnectionKey": "4360a38ba76f",
        },
        "faust_patches/server.py": {
            "aiohttp.web_protocol:RequestHandler._force_close": ATTRIBUTE,
            "aiohttp.web_protocol:RequestHandler._manager": ATTRIBUTE,
            "aiohttp.web_protocol:RequestHandler._next_keepalive_close_time": ATTRIBUTE,
            "aiohttp.web_protocol:RequestHandler._waiter": ATTRIBUTE,
            "aiohttp.web_protocol:RequestHandler.connection_made": "03cddef7c59a",
            "aiohttp.web_protocol:RequestHandler.finish_response": "54a90efd01d6",
            "aiohttp.web_protocol:RequestHandler.handle_error": "838648c4130b",
            "aiohttp.web_runner:AppRunner.__init__": "cb2082d8ebd8",
            "aiohttp.web_runner:AppRunner._make_server": "83b0086e8074",
            "aiohttp.web_runner:BaseSite._runner": ATTRIBUTE,
            "aiohttp.web_runner:BaseSite._ssl_context": ATTRIBUTE,
            "aiohttp.web_runner:TCPSite._host": ATTRIBUTE,
            "aiohttp.web_runner:TCPSite._port": ATTRIBUTE,
            "aiohttp.web_runner:TCPSite._server": ATTRIBUTE,
            "aiohttp.web_runner:TCPSite.start": "30c7a62953c3",
            "aiohttp.web_server:Server.__call__": "eb711671f62d",
            "aiohttp.web_server:Server._connections": ATTRIBUTE,
            "aiohttp.web_server:Server._kwargs": ATTRIBUTE,
            "aiohttp.web_server:Server._loop": ATTRIBUTE,
        },
        "masking.py": {
            "aiohttp.http_exceptions:HttpProcessingError": "79aa7568effc",
        },
        "web/http/messages.py": {
            "aiohttp.web_protocol:RequestPayloadError": "fab6bb82f37c",
        },
    },
)
