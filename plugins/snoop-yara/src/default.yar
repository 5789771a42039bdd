// The rules that apply when the configuration has none.
// `action` says what is to be done; the configuration may say otherwise.

rule eicar_test_file
{
    meta:
        description = "the file that scanners of malware agreed on for tests; by definition it begins so"
        action = "hold"
    strings:
        // In hexadecimal, so that this file is not taken for one.
        $eicar = { 58 35 4f 21 50 25 40 41 50 5b 34 5c 50 5a 58 35 34 28 50 5e 29 37 43 43 29 37 7d 24
                   45 49 43 41 52 2d 53 54 41 4e 44 41 52 44 2d 41 4e 54 49 56 49 52 55 53 2d 54 45 53
                   54 2d 46 49 4c 45 21 24 48 2b 48 2a }
    condition:
        $eicar at 0
}

rule eicar_string
{
    meta:
        description = "the same further inside: a document about it, or an archive with the file in it"
        action = "tag"
    strings:
        $eicar = { 58 35 4f 21 50 25 40 41 50 5b 34 5c 50 5a 58 35 34 28 50 5e 29 37 43 43 29 37 7d 24
                   45 49 43 41 52 2d 53 54 41 4e 44 41 52 44 2d 41 4e 54 49 56 49 52 55 53 2d 54 45 53
                   54 2d 46 49 4c 45 21 24 48 2b 48 2a }
    condition:
        $eicar and not $eicar at 0
}

rule private_key_pem
{
    meta:
        description = "a private key in PEM, encrypted or not"
        action = "tag"
    strings:
        $begin = /-----BEGIN ((RSA|DSA|EC|ENCRYPTED|ANY) )?PRIVATE KEY-----(\r|\n|\\r|\\n)/
    condition:
        $begin
}

rule private_key_openssh
{
    meta:
        description = "a private key of OpenSSH"
        action = "tag"
    strings:
        $begin = /-----BEGIN OPENSSH PRIVATE KEY-----(\r|\n|\\r|\\n)/
    condition:
        $begin
}

rule private_key_pgp
{
    meta:
        description = "a private key of OpenPGP in ASCII armor"
        action = "tag"
    strings:
        $begin = /-----BEGIN PGP PRIVATE KEY BLOCK-----(\r|\n|\\r|\\n)/
    condition:
        $begin
}

rule private_key_age
{
    meta:
        description = "an identity of age"
        action = "tag"
    strings:
        $identity = /\bAGE-SECRET-KEY-1[AC-HJ-NP-Z02-9]{58}\b/
    condition:
        $identity
}

rule token_aws
{
    meta:
        description = "an access key of Amazon Web Services: its public id, or the secret beside its name"
        action = "tag"
    strings:
        $id = /\b(AKIA|ASIA)[A-Z2-7]{16}\b/
        $secret = /\baws_secret_access_key["']?[ \t]*[:=][ \t]*["']?[A-Za-z0-9\/+]{40}\b/ nocase
    condition:
        any of them
}

rule token_github
{
    meta:
        description = "an access token of GitHub"
        action = "tag"
    strings:
        $classic = /\bgh[pousr]_[A-Za-z0-9]{36}\b/
        $fine = /\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b/
    condition:
        any of them
}

rule token_gitlab
{
    meta:
        description = "a personal access token of GitLab"
        action = "tag"
    strings:
        $token = /\bglpat-[A-Za-z0-9_-]{20}\b/
    condition:
        $token
}

rule token_google
{
    meta:
        description = "an API key of Google"
        action = "tag"
    strings:
        $key = /\bAIza[A-Za-z0-9_-]{35}\b/
    condition:
        $key
}

rule token_slack
{
    meta:
        description = "a token of Slack"
        action = "tag"
    strings:
        $token = /\bxox[abeprs]-[0-9]{10,13}-[A-Za-z0-9-]{10,100}\b/
    condition:
        $token
}

rule token_stripe
{
    meta:
        description = "a live secret key of Stripe"
        action = "tag"
    strings:
        $key = /\b[rs]k_live_[A-Za-z0-9]{24,99}\b/
    condition:
        $key
}
