@echo off
rem Double-click: checks the rule files in this folder. Nothing is changed.
chcp 65001 >nul
cd /d "%~dp0"
set NAVPLUGIN=navplugin
if exist "..\.venv\Scripts\navplugin.exe" set NAVPLUGIN="..\.venv\Scripts\navplugin.exe"
%NAVPLUGIN% rules check .
set RESULT=%ERRORLEVEL%
echo.
if "%RESULT%"=="0" echo The rules can be used.
if "%RESULT%"=="1" echo The rules have errors; mend the lines above and try again.
if not "%RESULT%"=="0" if not "%RESULT%"=="1" echo navplugin could not be started; ask whoever installed it.
if "%1"=="" pause
exit /b %RESULT%
