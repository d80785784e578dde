# What the project does to itself. `just ci` is what .ci/run runs.

set shell := ["bash", "-euo", "pipefail", "-c"]

# List the recipes.
default:
    @just --list

# Everything a change must pass; the tests come last, so that theirs are the closing lines.
ci: fmt-check lint doc deny generated test

# Format the code.
fmt:
    cargo fmt --all

# Is the code formatted?
fmt-check:
    cargo fmt --all --check

# Clippy with the lints of Cargo.toml, none tolerated.
lint:
    cargo clippy --all-targets --locked -- -D warnings

# The documentation builds, private items too, without a dead link.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --locked

# Licences, sources and duplicates of the dependencies.
deny:
    #!/usr/bin/env bash
    set -euo pipefail
    if cargo deny --version >/dev/null 2>&1; then
        cargo deny --locked --log-level error check bans licenses sources
    else
        echo "WARNING: cargo-deny is not installed; licences and sources were NOT checked" >&2
        cargo tree --locked --duplicates --edges normal
    fi

# All tests, properties from one seed so that a check can be repeated (`just soak` draws others);
# with cargo-insta also: no snapshot that no test uses (it takes no --locked; lint has it).
test:
    #!/usr/bin/env bash
    set -euo pipefail
    export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-438}
    if cargo insta --version >/dev/null 2>&1; then
        INSTA_UPDATE=no cargo insta test --check --unreferenced reject
    else
        echo "WARNING: cargo-insta is not installed; unreferenced snapshots are NOT looked for" >&2
        INSTA_UPDATE=no cargo test --locked
    fi

# The properties over many cases of another seed each time; what fails becomes a test of its own.
soak cases="5000":
    PROPTEST_CASES={{cases}} cargo test --locked --lib --test properties --test stir --test tickets --test wires

# Look at changed snapshots one by one.
review:
    cargo insta review

# Generated files are those that are checked in (a clean checkout is assumed: CI has one).
generated:
    git diff --exit-code

# Throughput; numbers mean something on an idle machine only.
bench:
    cargo bench --locked
