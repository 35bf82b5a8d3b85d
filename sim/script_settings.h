/* SPDX-License-Identifier: MIT */
/* The settings of hosts, links and connections that a script may name, as `name=value`. */
#ifndef SIM_SCRIPT_SETTINGS_H
#define SIM_SCRIPT_SETTINGS_H

#include "sim/script_scan.h"

/* Each takes one setting at the cursor; false: it is none, and the error is told. */
bool sim_setting_host(struct sim_cursor *c, struct sim_script_host *host);
bool sim_setting_link(struct sim_cursor *c, struct sim_script_link *link);
/* `given` gets a bit for it. */
bool sim_setting_tcp(struct sim_cursor *c, struct estab_tcp_options *options, uint32_t *given);

/* Copies the settings that were given. */
void sim_settings_copy(struct estab_tcp_options *to, const struct estab_tcp_options *from,
                       uint32_t given);

/* At the cursor: "name=" is skipped, and its value is the word that follows; false: another word
 * is there. */
bool sim_take_key(struct sim_cursor *c, const char *name, struct sim_word *value);

#endif
