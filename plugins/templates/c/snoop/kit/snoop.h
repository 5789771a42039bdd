// What src/component.c of a snoop defines. Change nothing in it.
#pragma once
#include "snoop_plugin.h"
#include "state.h"
#include "verdict.h"

// Bytes and texts: `ptr` and `len`. They are freed when the call has ended.
typedef snoop_plugin_list_u8_t bytes_t;
typedef snoop_plugin_string_t text_t;

#include "contract.h"

// Yours: what is known of the entry so far.
typedef struct inspector inspector_t;

// NULL after `fail`.
inspector_t *inspector_open(text_t config, error_t *error);
void inspector_close(inspector_t *inspector);

// Looks at the next bytes of the entry; never none.
void inspector_look(inspector_t *inspector, const uint8_t *bytes, size_t length);

// The entry has ended: fills in an empty verdict, and makes ready for another entry.
void inspector_verdict(inspector_t *inspector, verdict_t *verdict);

// Writes what is known in the middle of an entry.
void inspector_save(const inspector_t *inspector, state_t *state);

// Takes up, just after `inspector_open`, where the one stood that saved; false for a state that
// cannot be. Whether there is more of it, or less, is checked afterwards.
bool inspector_resume(inspector_t *inspector, state_t *state);
