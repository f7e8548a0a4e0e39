# SPDX-License-Identifier: Apache-2.0
"""Fuzz campaigns: engines, triage, status, reports. fuzz/campaign/campaign.py is the command line."""
