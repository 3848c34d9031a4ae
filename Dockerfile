FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md ./
COPY schemas schemas
COPY streamhooks streamhooks
RUN pip install --no-cache-dir --disable-pip-version-check --prefix /install '.[otel]'

FROM python:3.12-slim
COPY --from=build /install /usr/local
RUN useradd --create-home streamhooks && install -d -o streamhooks /data
USER streamhooks
WORKDIR /home/streamhooks
ENV PYTHONUNBUFFERED=1 STREAMHOOKS_DATA_DIR=/data
VOLUME /data
EXPOSE 6066
CMD ["faust", "-A", "streamhooks", "worker", "-l", "info"]
