# What CI does.
ci:
    tests/all.sh

# The demo: a conversation becomes mail, in a browser.
demo:
    cargo run --release -- demo

# Builds the shipped guest and puts it into guest/prebuilt.
guest:
    guest/build.sh
