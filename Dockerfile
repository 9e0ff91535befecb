# Parapheur in a container: one static binary on an empty image, run by an unprivileged user.
# docs/operations.md explains the installation, in French. PostgreSQL runs elsewhere: PARAPHEUR_DATABASE_URL names it.
#
#   docker build -t parapheur --build-arg VERSION="$(git describe --tags --always)" .
#   docker run --rm parapheur version
ARG GO_VERSION=1.26

FROM golang:${GO_VERSION}-bookworm AS build
WORKDIR /src
# Modules first: they change less often than the code, and their layer is kept.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/parapheur ./cmd/parapheur
# What an empty image lacks: authorities for TLS (S3, time-stamping), French time, a place for temporary files and for the
# data. The two folders are copied through their parent, which is how their modes survive.
RUN mkdir -p /out/folders/tmp /out/folders/data \
 && chmod 1777 /out/folders/tmp && chmod 0700 /out/folders/data \
 && cp "$(go env GOROOT)/lib/time/zoneinfo.zip" /out/zoneinfo.zip

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/zoneinfo.zip /zoneinfo.zip
COPY --from=build --chown=65532:65532 /out/folders/ /
COPY --from=build /out/parapheur /parapheur
ENV ZONEINFO=/zoneinfo.zip \
    PARAPHEUR_DATA=/data \
    PARAPHEUR_LISTEN=:8080 \
    PARAPHEUR_METRICS=:9090
USER 65532:65532
VOLUME /data
EXPOSE 8080 9090
# The image holds no shell and no curl: let the orchestrator ask /healthz (restart me) and /readyz (send me requests).
STOPSIGNAL SIGTERM
ENTRYPOINT ["/parapheur"]
CMD ["serve"]
