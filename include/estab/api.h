/* SPDX-License-Identifier: MIT */
/* What every public header needs: export marks, the must-check mark and the version. */
#ifndef ESTAB_API_H
#define ESTAB_API_H

#define ESTAB_VERSION_MAJOR 0
#define ESTAB_VERSION_MINOR 1
#define ESTAB_VERSION_PATCH 0
#define ESTAB_VERSION "0.1.0"

#if defined(__GNUC__) || defined(__clang__)
#define ESTAB_API __attribute__((visibility("default")))
#define ESTAB_MUST_CHECK __attribute__((warn_unused_result))
#else
#define ESTAB_API
#define ESTAB_MUST_CHECK
#endif

#endif
