/* SPDX-License-Identifier: MIT */
/*
 * estab: a TCP you can embed, run, watch and prove.
 *
 * Threading: one stack, one thread at a time; no locks inside, no global state, so any number of
 * stacks live side by side. See stack.h for the five calls and tcp.h for the user's calls.
 */
#ifndef ESTAB_H
#define ESTAB_H

#include "estab/addr.h"
#include "estab/api.h"
#include "estab/config.h"
#include "estab/dhcp.h"
#include "estab/echo.h"
#include "estab/err.h"
#include "estab/eyeballs.h"
#include "estab/resolver.h"
#include "estab/stack.h"
#include "estab/tcp.h"
#include "estab/time.h"
#include "estab/trace.h"
#include "estab/udp.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "ECONNRESET" and "connection reset by peer"; takes the error negative or positive. */
ESTAB_API const char *estab_err_name(int err);
ESTAB_API const char *estab_err_text(int err);
/* The version of the library linked, "0.1.0". */
ESTAB_API const char *estab_version(void);

#ifdef __cplusplus
}
#endif

#endif
