// MODELD_RETURN_IF_ERROR and MODELD_ASSIGN_OR_RETURN: hand an error to the caller in one line.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Evaluates `expr`, an absl::Status; returns it from the calling function if it is an error.
#define MODELD_RETURN_IF_ERROR(expr)                                                    \
  do {                                                                                  \
    if (absl::Status modeld_status = (expr); !modeld_status.ok()) return modeld_status; \
  } while (false)

// Evaluates `expr`, an absl::StatusOr<T>; assigns its value to `lhs` or returns its error.
#define MODELD_ASSIGN_OR_RETURN(lhs, expr) \
  MODELD_ASSIGN_OR_RETURN_IMPL_(MODELD_CONCAT_(modeld_statusor_, __LINE__), lhs, expr)

#define MODELD_ASSIGN_OR_RETURN_IMPL_(tmp, lhs, expr) \
  auto tmp = (expr);                                  \
  if (!tmp.ok()) return std::move(tmp).status();      \
  lhs = std::move(tmp).value()

#define MODELD_CONCAT_INNER_(a, b) a##b
#define MODELD_CONCAT_(a, b) MODELD_CONCAT_INNER_(a, b)
