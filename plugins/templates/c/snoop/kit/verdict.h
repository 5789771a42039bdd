// What a snoop answers. Change nothing in it.
#pragma once
#include <stddef.h>
#include <stdint.h>

// The host drops what is beyond.
#define FINDING_COUNT_MAX 64

// What is to be done with an entry; the strongest of several snoops wins, in this order.
typedef enum action {
  // Nothing was found.
  ACTION_PASS,
  // Go on, and keep the findings beside the entry.
  ACTION_TAG,
  // Keep the entry, listed as held, but do not restore it.
  ACTION_HOLD,
  // Leave the entry out.
  ACTION_STOP,
} action_t;

// One thing that was found.
typedef struct finding {
  // A short name, such as "private_key_pem"; at most 256 bytes.
  const char *name;
  // Where in the entry it begins, and how long it is; both 0 where it is about the whole entry.
  uint64_t offset;
  uint32_t length;
  // For a person or a rule, at most 1024 bytes, and never a secret that was found; may be NULL.
  const char *detail;
} finding_t;

// The answer for one entry. Its texts stay where they are until the next call.
typedef struct verdict {
  action_t action;
  size_t count;
  finding_t findings[FINDING_COUNT_MAX];
} verdict_t;
