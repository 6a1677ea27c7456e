/* The database's schema, version by version; store.c migrates forward. */
#ifndef SIB_STORE_SCHEMA_H
#define SIB_STORE_SCHEMA_H

extern const char *const schema_steps[]; /* step i leads from version i to i + 1 */
extern const int schema_version;

#endif
