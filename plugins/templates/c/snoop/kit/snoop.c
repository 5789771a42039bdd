// Joins src/component.c to the bindings of a snoop. Change nothing in it.

#include "snoop.h"

typedef exports_mover_plugin_snoop_own_inspector_t own_t;
typedef exports_mover_plugin_snoop_verdict_t answer_t;
typedef exports_mover_plugin_snoop_list_verdict_t answers_t;
typedef exports_mover_plugin_snoop_finding_t told_t;

_Static_assert((int)ACTION_PASS == EXPORTS_MOVER_PLUGIN_SNOOP_ACTION_PASS &&
                   (int)ACTION_TAG == EXPORTS_MOVER_PLUGIN_SNOOP_ACTION_TAG &&
                   (int)ACTION_HOLD == EXPORTS_MOVER_PLUGIN_SNOOP_ACTION_HOLD &&
                   (int)ACTION_STOP == EXPORTS_MOVER_PLUGIN_SNOOP_ACTION_STOP,
               "verdict.h has the actions of the contract");

static own_t own(inspector_t *inspector) {
  return exports_mover_plugin_snoop_inspector_new((void *)inspector);
}

bool exports_mover_plugin_snoop_static_inspector_open(text_t *config, own_t *inspector,
                                                      error_t *error) {
  inspector_t *opened = inspector_open(*config, error);
  snoop_plugin_string_free(config);
  if (opened == NULL) return false;
  *inspector = own(opened);
  return true;
}

bool exports_mover_plugin_snoop_static_inspector_resume(text_t *config, bytes_t *saved,
                                                        own_t *inspector, error_t *error) {
  inspector_t *opened = inspector_open(*config, error);
  snoop_plugin_string_free(config);
  if (opened != NULL) {
    state_t state = {.bytes = saved->ptr, .room = saved->len};
    if (inspector_resume(opened, &state) && state_is_whole(&state)) {
      *inspector = own(opened);
    } else {
      inspector_close(opened);
      opened = NULL;
      fail(error, CORRUPT_INPUT, "the saved state is damaged or of another version");
    }
  }
  snoop_plugin_list_u8_free(saved);
  return opened != NULL;
}

void exports_mover_plugin_snoop_inspector_destructor(
    exports_mover_plugin_snoop_inspector_t *inspector) {
  inspector_close((inspector_t *)inspector);
}

static answer_t answer_of(const verdict_t *verdict) {
  size_t count = verdict->count < FINDING_COUNT_MAX ? verdict->count : FINDING_COUNT_MAX;
  answer_t answer = {(uint8_t)verdict->action, {NULL, count}};
  if (count == 0) return answer;
  answer.findings.ptr = allocate(count * sizeof *answer.findings.ptr);
  for (size_t place = 0; place < count; place++) {
    const finding_t *found = &verdict->findings[place];
    answer.findings.ptr[place] = (told_t){
        .name = text_of(found->name),
        .offset = found->offset,
        .length = found->length,
        .detail = text_of(found->detail == NULL ? "" : found->detail),
    };
  }
  return answer;
}

bool exports_mover_plugin_snoop_method_inspector_inspect(
    exports_mover_plugin_snoop_inspector_t *self, bytes_t *window, snoop_plugin_list_u32_t *ends,
    answers_t *answers, error_t *error) {
  (void)error;
  inspector_t *inspector = (inspector_t *)self;
  *answers = (answers_t){NULL, ends->len};
  if (ends->len > 0) answers->ptr = allocate(ends->len * sizeof *answers->ptr);
  size_t start = 0;
  for (size_t place = 0; place < ends->len; place++) {
    size_t end = ends->ptr[place];
    // A bug of the host's.
    if (end < start || end > window->len) abort();
    if (end > start) inspector_look(inspector, window->ptr + start, end - start);
    verdict_t verdict = {0};
    inspector_verdict(inspector, &verdict);
    answers->ptr[place] = answer_of(&verdict);
    start = end;
  }
  if (window->len > start) inspector_look(inspector, window->ptr + start, window->len - start);
  snoop_plugin_list_u8_free(window);
  snoop_plugin_list_u32_free(ends);
  return true;
}

bool exports_mover_plugin_snoop_method_inspector_save(exports_mover_plugin_snoop_inspector_t *self,
                                                      bytes_t *saved, error_t *error) {
  inspector_t *inspector = (inspector_t *)self;
  state_t counted = {.room = STATE_LENGTH_MAX};
  inspector_save(inspector, &counted);
  if (counted.is_past_end) {
    fail(error, LIMIT_EXCEEDED, "there is more to save than 1 MiB");
    return false;
  }
  *saved = (bytes_t){NULL, counted.length};
  if (counted.length == 0) return true;
  state_t state = {.bytes = allocate(counted.length), .room = counted.length};
  inspector_save(inspector, &state);
  saved->ptr = state.bytes;
  return true;
}
