/* SPDX-License-Identifier: MIT */
/* Errors of the library as errno values, one to one. Called from all of sock/ and by tools. */
#include "sock/internal.h"

int
estab_errno(int err)
{
    switch (err < 0 ? -err : err) {
    case 0:
        return 0;
#define X(name, value, text)                                                                       \
    case ESTAB_##name:                                                                             \
        return name;
        ESTAB_ERRORS(X)
#undef X
    default:
        return EIO;
    }
}
