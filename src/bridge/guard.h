/* Cleaning up where a callback of the caller's leaves by an exception. It must not: see docs/integrate.md. The bridge is compiled with
 * -fexceptions, so that a guard's function runs then too, and no lock is held and nothing in flight stays in flight for ever. */
#ifndef TN_BRIDGE_GUARD_H
#define TN_BRIDGE_GUARD_H
#define TN__GUARD(function) __attribute__((cleanup(function)))
#endif
