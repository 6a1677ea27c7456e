/* Answers that are not what an execution gave: in its place, or spoilt afterwards.
 * Private to the stand-in. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_TAMPER_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_TAMPER_H

#include "tests/exchange/exchange_limit.h"
#include "tests/exchange/exchange_soap.h"

/* An empty answer, to be filled. */
void ex_answer_init(struct exchange_answer *answer);
/* A SOAP fault. back_off_ms -1: none. */
void ex_answer_fault(struct exchange_answer *answer, const char *code, int64_t back_off_ms);
/* How many things a request asks for: one response message each. body: the operation's
 * element. */
int ex_answer_things(const struct xml_node *body);

/* What a request was for; operation NULL: nothing that is known here. */
struct answer_about {
    struct exchange *ex;
    const struct operation *operation;
    const struct xml_node *body;
};
/* The answer that a fault wants in the place of an execution. */
void ex_answer_instead(const struct answer_about *about, const struct fault_plan *plan,
                       struct exchange_answer *answer);
/* The code in each response message, or ErrorBatchProcessingStopped after the first where
 * that is the rule. */
void ex_answer_code(const struct answer_about *about, const char *code,
                    struct exchange_answer *answer);
void ex_answer_refusal(const struct answer_about *about, const struct limit_refusal *refusal,
                       struct exchange_answer *answer);
/* Spoils a whole answer as the plan says. */
void ex_answer_spoil(const struct fault_plan *plan, struct exchange_answer *answer);

#endif
