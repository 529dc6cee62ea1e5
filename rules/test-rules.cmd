@echo off
rem Double-click: runs the cases beside the rules in this folder. Nothing is changed.
chcp 65001 >nul
cd /d "%~dp0"
set NAVPLUGIN=navplugin
if exist "..\.venv\Scripts\navplugin.exe" set NAVPLUGIN="..\.venv\Scripts\navplugin.exe"
%NAVPLUGIN% rules test .
set RESULT=%ERRORLEVEL%
echo.
if "%RESULT%"=="0" echo All cases are as they should be.
if "%RESULT%"=="1" echo A case is not as it should be; see the lines above.
if not "%RESULT%"=="0" if not "%RESULT%"=="1" echo navplugin could not be started; ask whoever installed it.
if "%1"=="" pause
exit /b %RESULT%
