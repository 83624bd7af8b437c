# reconciler as a container: the controller, the Accounts page and every verb, installed with hashes, run by nobody.
FROM python:3.12-slim-bookworm AS build
WORKDIR /src
COPY requirements/server.txt requirements/build.txt requirements/
RUN python -m venv /opt/reconciler \
    && /opt/reconciler/bin/pip install --no-cache-dir --require-hashes -r requirements/server.txt -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY reconciler reconciler
RUN /opt/reconciler/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.12-slim-bookworm
COPY --from=build /opt/reconciler /opt/reconciler
ENV PATH=/opt/reconciler/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    CI=true
# A number, so that Kubernetes can see that it is not root. It has no home: nothing is kept in a container.
USER 65532:65532
WORKDIR /srv
ENTRYPOINT ["reconciler"]
CMD ["--help"]
