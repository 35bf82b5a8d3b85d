/* SPDX-License-Identifier: MIT */
/* The settings of a host by name, as --set gives them and `estab set` shows and changes them. Pure. */
#ifndef ESTAB_CLI_KNOBS_H
#define ESTAB_CLI_KNOBS_H

#include "drivers/failure.h"
#include "estab/config.h"

#include <stdbool.h>
#include <stddef.h>

enum { KNOB_TEXT = 32 };

/* The name of knob number `i`, NULL: there are no more. */
const char *estab_knob_name(size_t i);
const char *estab_knob_help(size_t i);
/* Its value as text: "200ms", "on", "10", "cubic". */
char *estab_knob_format(size_t i, const struct estab_config *cfg, char buf[KNOB_TEXT]);
/* Was the host made of it, so that it stays while it runs? */
bool estab_knob_is_fixed(const char *name);
/* Changes one in a copy of the settings. -1 and why. */
int estab_knob_set(struct estab_config *cfg, const char *name, const char *value,
                   struct failure *why);
/* The same of "NAME=VALUE". */
int estab_knob_set_text(struct estab_config *cfg, const char *text, struct failure *why);

#endif
