# The age format (lib/crypto/age.h) against the real age: each opens what the other sealed.
bats_require_minimum_version 1.5.0
load ../lib/evo

age_pipe() {
    "$BUILD/tests/helper/age_pipe" "$@"
}

setup_file() {
    local name
    cd "$BATS_FILE_TMPDIR" || return
    for name in one two; do
        age-keygen -o "$name.key" 2>/dev/null
        age-keygen -y "$name.key" >"$name.recipient"
        add_canary "$(grep '^AGE-SECRET-KEY-' "$name.key")"
    done
}

setup() {
    cd "$BATS_FILE_TMPDIR" || return
    set -o pipefail # what a filter says of its end counts
    one=$(cat one.recipient) two=$(cat two.recipient)
}

# The sizes at which a chunk (64 KiB) is empty, full, or just begun.
sizes=(0 1 65535 65536 65537 131072 131073 3000000)

# expect_failure STATUS TEXT: of the last `run`; nothing that is secret was said.
expect_failure() {
    printf '%s\n' "$stderr" >stderr
    assert_no_secret stderr
    assert_equal "$1" "$status"
    case $stderr in
    *"$2"*) ;;
    *) fail "expected on stderr: $2" "got: $stderr" ;;
    esac
}

@test "age opens what evo seals" {
    local size piece
    for size in "${sizes[@]}"; do
        head -c "$size" /dev/urandom >content
        for piece in 1000 65536 1000003; do
            age_pipe seal "$piece" "$one" <content >sealed.age
            age -d -i one.key sealed.age | cmp content -
        done
    done
}

@test "evo opens what age seals, and both files are as long" {
    local size piece
    for size in "${sizes[@]}"; do
        head -c "$size" /dev/urandom >content
        age -r "$one" -o sealed.age content
        for piece in 1000 65552 1000003; do
            age_pipe open "$piece" one.key <sealed.age | cmp content -
        done
        assert_equal "$(age_pipe seal 65536 "$one" <content | wc -c)" "$(wc -c <sealed.age)"
    done
}

@test "each of two recipients opens it, whoever sealed it" {
    head -c 100000 /dev/urandom >content
    age -r "$one" -r "$two" -o by-age.age content
    age_pipe seal 4096 "$one" "$two" <content >by-evo.age
    assert_equal "$(wc -c <by-age.age)" "$(wc -c <by-evo.age)"
    local key file
    for file in by-age.age by-evo.age; do
        for key in one.key two.key; do
            age -d -i "$key" "$file" | cmp content -
            age_pipe open 4096 "$key" <"$file" | cmp content -
        done
    done
}

@test "identities are read from a file of several, with comments" {
    { cat two.key; echo; cat one.key; } >both.key
    echo content >content
    age -r "$one" content | age_pipe open 4096 both.key | cmp content -
}

@test "who is no recipient is told which option is missing" {
    echo content | age_pipe seal 4096 "$one" >sealed.age
    run --separate-stderr age_pipe open 4096 two.key <sealed.age
    expect_failure 2 '--identity FILE'
    assert_equal '' "$output"
}

@test "a file that is changed, cut or longer is refused, as age refuses it" {
    head -c 131072 /dev/urandom >content
    age_pipe seal 65536 "$one" <content >sealed.age
    local size name
    size=$(wc -c <sealed.age)
    head -c $((size - 1)) sealed.age >cut.age
    head -c $((size - 65552)) sealed.age >chunk-less.age
    { cat sealed.age; echo; } >longer.age
    # One bit in the last byte of the first chunk.
    perl -e 'local $/; $_ = <>; substr($_, -65553, 1) ^= "\1"; print' sealed.age >changed.age
    for name in cut chunk-less longer changed; do
        run age -d -i one.key -o /dev/null "$name.age"
        assert_equal 1 "$status"
        run --separate-stderr age_pipe open 65536 one.key <"$name.age"
        expect_failure 6 'the age file '
    done
}

@test "an armoured file is named as such" {
    echo content | age -a -r "$one" >sealed.age
    run --separate-stderr age_pipe open 4096 one.key <sealed.age
    expect_failure 6 'ASCII-armoured'
    age -d -i one.key sealed.age | grep -qx content
}

@test "a secret key given as a recipient, or a recipient as an identity, is refused without showing it" {
    run --separate-stderr age_pipe seal 4096 "$(grep '^AGE-SECRET-KEY-' one.key)" </dev/null
    expect_failure 2 'recipient 1 is a secret key'
    run --separate-stderr age_pipe open 4096 one.recipient </dev/null
    expect_failure 2 'line 1 is a recipient'
}
