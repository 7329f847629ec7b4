# Relais in a container: build with cgo (SQLite), run without root on a small
# Debian. The file system may be read-only but for /var/lib/relais and /tmp.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=1 go build -trimpath -buildvcs=false -o /relais ./cmd/relais

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin relais \
 && install -d -m 700 -o relais -g relais /var/lib/relais
COPY --from=build /relais /usr/local/bin/relais
USER 10001
ENV RELAIS_LISTEN=0.0.0.0:8080 RELAIS_DATA=/var/lib/relais RELAIS_DATABASE_URL=sqlite:/var/lib/relais/relais.db
EXPOSE 8080
VOLUME /var/lib/relais
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["/usr/local/bin/relais", "health"]
ENTRYPOINT ["/usr/local/bin/relais"]
CMD ["serve"]
