# The base is pinned by an exact tag. To have it by digest, too, put what `docker buildx imagetools inspect` says behind it.
FROM python:3.12.14-slim-trixie AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md ./
COPY schemas schemas
COPY streamhooks streamhooks
RUN pip install --no-cache-dir --disable-pip-version-check --prefix /install -c constraints.txt '.[otel]'

FROM python:3.12.14-slim-trixie
COPY --from=build /install /usr/local
RUN useradd --uid 10001 --create-home streamhooks && install -d -o streamhooks /data
# By number: Kubernetes' runAsNonRoot knows no names.
USER 10001
WORKDIR /home/streamhooks
ENV PYTHONUNBUFFERED=1 STREAMHOOKS_DATA_DIR=/data
VOLUME /data
EXPOSE 6066
CMD ["faust", "-A", "streamhooks", "worker", "-l", "info"]
