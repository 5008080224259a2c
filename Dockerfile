# One image, three commands: `python -m api`, `python -m workers`, `python -m alembic upgrade head`.
FROM python:3.13.15-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements.txt /
RUN /venv/bin/pip install --require-hashes --no-deps --only-binary :all: -r /requirements.txt && /venv/bin/pip check
WORKDIR /app
COPY alembic.ini ./
COPY domain domain
COPY workflows workflows
COPY activities activities
COPY infra infra
COPY clients clients
COPY workers workers
COPY api api
# Compiled here, because nothing is written at run time.
RUN python -m compileall -q .

FROM python:3.13.15-slim-trixie
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 GATEWAY_HOST=0.0.0.0
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin patterns
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
USER 10001
EXPOSE 8080
CMD ["python", "-m", "api"]
