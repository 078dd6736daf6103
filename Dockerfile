# Two images from one file: `train` turns a log into a published version, `serve` answers with it and carries nothing else.
# Both run as the same unprivileged user, because one writes the models volume and the other reads it.

FROM python:3.11-slim-bookworm AS base
# The root file systems are read-only at run time: whatever wants a home or a cache gets /tmp.
ENV HOME=/tmp \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_INPUT=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TF_CPP_MIN_LOG_LEVEL=2
# A named volume takes owner and mode from the directory that it is first mounted over.
RUN groupadd --gid 10001 axon \
 && useradd --uid 10001 --gid axon --no-create-home --home-dir /tmp --shell /usr/sbin/nologin axon \
 && install -d -o axon -g axon /app /app/data /app/runs /catalog /decisions /models
WORKDIR /app


FROM base AS train
COPY requirements/train.lock requirements/
# Compiled in a step of its own: over all cores, and because nothing can be compiled later on a read-only root.
RUN --mount=type=cache,target=/root/.cache/pip,sharing=locked \
    pip install -q --cache-dir /root/.cache/pip --require-hashes --no-deps --no-compile -r requirements/train.lock \
 && (python -W ignore -m compileall -qq -j 0 /usr/local/lib/python3.11/site-packages >/dev/null 2>&1 || true)
COPY pyproject.toml README.md LICENSE ./
COPY features features
COPY history history
COPY journal journal
COPY registry registry
COPY simulator simulator
COPY training training
COPY axon axon
RUN pip install -q --no-deps --no-build-isolation . \
 && rm -rf axon build features history journal registry simulator training *.egg-info
COPY examples/shop examples/shop
USER 10001:10001
ENTRYPOINT ["axon"]
CMD ["train", "examples/shop/axon.yaml", "--registry", "/models"]


FROM base AS serve
# `--build-arg RUNTIME=onnx` leaves TensorFlow out: for versions that carry ONNX graphs.
ARG RUNTIME=tensorflow
COPY requirements/serve.lock requirements/serve-onnx.lock requirements/
RUN --mount=type=cache,target=/root/.cache/pip,sharing=locked \
    pip install -q --cache-dir /root/.cache/pip --require-hashes --no-deps --no-compile \
       -r "requirements/serve$(test "$RUNTIME" = onnx && echo -onnx || true).lock" \
 && (python -W ignore -m compileall -qq -j 0 /usr/local/lib/python3.11/site-packages >/dev/null 2>&1 || true)
COPY pyproject.toml README.md LICENSE ./
COPY features features
COPY history history
COPY journal journal
COPY registry registry
COPY service service
COPY axon axon
RUN pip install -q --no-deps --no-build-isolation . \
 && rm -rf axon build features history journal registry service *.egg-info
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["axon", "serve", "--registry", "/models", "--host", "0.0.0.0", "--port", "8000"]
