// The exit statuses of modelctl; modelctl(1) has the table.
#pragma once

namespace modeld {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNotFound = 3;
inline constexpr int kExitUnreachable = 4;
inline constexpr int kExitTimedOut = 5;
inline constexpr int kExitRefused = 6;  // the version or the file was refused
inline constexpr int kExitKept = 7;     // the version is good, but something keeps it from live

}  // namespace modeld
