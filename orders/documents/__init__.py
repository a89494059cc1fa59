"""What the documents of the API say: OpenAPI for REST, AsyncAPI for the sockets."""
