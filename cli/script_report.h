/* SPDX-License-Identifier: MIT */
/* The report of `estab trace --html` about what a script has sent: one file for a browser. */
#ifndef ESTAB_CLI_SCRIPT_REPORT_H
#define ESTAB_CLI_SCRIPT_REPORT_H

#include "drivers/failure.h"

#include <stddef.h>

/* Reads a capture (pcap or pcapng) of `len` octets, `title` its name, and writes the file at `path`,
 * whole or not at all. The same capture gives the same file. -1: why. */
int estab_script_report(const void *capture, size_t len, const char *title, const char *path,
                        struct failure *why);

#endif
